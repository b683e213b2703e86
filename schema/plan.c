#include "schema/plan.h"

#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/compile.h"

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(8) char bytes[];
};

#define BLOCK_SIZE 512 /* the first one; each further one doubles */
#define BLOCK_SIZE_MAX (1 << 20)

void *plan_allocate(struct plan *plan, size_t size)
{
    struct block *block = plan->blocks;
    size = (size + 7) & ~(size_t)7;
    if (!block || block->size - block->used < size) {
        size_t want = !block                         ? BLOCK_SIZE
                      : block->size < BLOCK_SIZE_MAX ? block->size * 2
                                                     : block->size;
        want = want < size ? size : want;
        struct block *fresh = allocate(sizeof *fresh + want);
        if (!fresh)
            return NULL;
        *fresh = (struct block){block, 0, want};
        plan->blocks = block = fresh;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

struct plan *plan_new(void)
{
    struct plan *plan = allocate_zeroed(1, sizeof *plan);
    if (plan)
        atomic_init(&plan->refs, 1);
    return plan;
}

struct plan *plan_ref(struct plan *plan)
{
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

void plan_unref(struct plan *plan)
{
    if (!plan || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (struct block *block = plan->blocks; block;) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    free(plan->nodes);
    free(plan->futures);
    free(plan->coroutines);
    free(plan);
}

static int compare_future(const void *name, const void *future)
{
    return strcmp(name, (*(const struct future_name *const *)future)->name);
}

const struct future_name *plan_find_future(const struct plan *plan, const char *name)
{
    const struct future_name **found =
        plan->n_futures
            ? bsearch(name, plan->futures, plan->n_futures, sizeof *plan->futures, compare_future)
            : NULL;
    return found ? *found : NULL;
}

const struct coroutine *plan_coroutine(const struct plan *plan, uint32_t root)
{
    uint32_t i = plan->n_coroutines - 1; /* in the order of their roots */
    while (plan->coroutines[i].root > root)
        i--;
    return &plan->coroutines[i];
}

/* The nodes from i up to the root (excluded), written from the root down. Depth is limited. */
void plan_path(const struct plan *plan, uint32_t i, struct buffer *out)
{
    uint32_t up[2 * PLAN_DEPTH_MAX + 2]; /* with the hidden ones */
    size_t n = 0;
    for (; i != plan->root && plan->nodes[i].parent != PLAN_NONE; i = plan->nodes[i].parent)
        up[n++] = i;
    if (i > plan->root)
        buffer_format(out, "/coroutines/%s/body", plan_coroutine(plan, i)->name);
    while (n--) {
        const struct node *node = &plan->nodes[up[n]];
        const struct op_shape *parent = plan->nodes[node->parent].shape;
        const struct field_shape *field = &parent->fields[node->field];
        if (parent->is_hidden)
            continue;
        buffer_char(out, '/');
        buffer_text(out, field->name);
        if (field->type == FIELD_NODES || field->type == FIELD_CLAUSES)
            buffer_format(out, "/%u", node->position);
    }
}

void plan_path_json(const struct plan *plan, uint32_t i, struct buffer *out)
{
    struct buffer path = {0};
    plan_path(plan, i, &path);
    buffer_json_string(out, path.bytes ? path.bytes : "", path.size);
    out->failed |= path.failed;
    buffer_release(&path);
}
