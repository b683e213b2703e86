/* The names of a coroutine's create_task and timeout nodes, and the nodes that refer to them; and
 * those of the job's futures. */
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/compile.h"

static struct slot *new_slot(struct compiler *c, const json_t *name)
{
    const struct text *text =
        compile_keep_text(c, json_string_value(name), json_string_length(name));
    struct slot *slot = plan_allocate(c->plan, sizeof *slot);
    if (!slot || !text) {
        c->out_of_memory = true;
        return NULL;
    }
    *slot = (struct slot){SCOPE_ROOT, 0, text->bytes};
    return slot;
}

/* Several nodes may have one name: they share the variable. */
static void declare(struct compiler *c, json_t **names, struct slot *slot)
{
    if (!*names)
        *names = json_object();
    const json_t *known = json_object_get(*names, slot->name);
    slot->variable = known ? (uint32_t)json_integer_value(known) : c->n_values++;
    if (!known && json_object_set_new(*names, slot->name, json_integer(slot->variable)) != 0)
        c->out_of_memory = true;
}

static void use_later(struct compiler *c, struct slot *slot, bool is_timeout)
{
    struct name_use *use = allocate(sizeof *use);
    char *pointer = use ? allocate_text(c->path.bytes) : NULL;
    if (!pointer) {
        free(use);
        c->out_of_memory = true;
        return;
    }
    *use = (struct name_use){c->uses, pointer, slot, is_timeout};
    c->uses = use;
}

/* A timeout that encloses the node is the one that is meant, as a closure would have it. */
static bool find_enclosing(struct compiler *c, struct slot *slot)
{
    for (struct lexical *l = c->lexical; l; l = l->outer)
        if (l->is_timeout && strcmp(l->name, slot->name) == 0) {
            c->plan->nodes[l->node].n_variables = 1;
            slot->scope = l->node;
            slot->variable = 0;
            return true;
        }
    return false;
}

bool compile_task_name(struct compiler *c, enum field_type type, const json_t *value,
                       union argument *out)
{
    if (!compile_check_name(c, value))
        return false;
    struct slot *slot = new_slot(c, value);
    out->slot = slot;
    if (!slot)
        return false;
    if (type == FIELD_TASK_NEW)
        declare(c, &c->tasks, slot);
    else if (type == FIELD_TIMEOUT_NEW)
        declare(c, &c->timeouts, slot);
    else if (type == FIELD_TASK_REF || !find_enclosing(c, slot))
        use_later(c, slot, type == FIELD_TIMEOUT_REF);
    return true;
}

static void resolve(struct compiler *c, const struct name_use *use)
{
    const json_t *names = use->is_timeout ? c->timeouts : c->tasks;
    const json_t *variable = json_object_get(names, use->slot->name);
    if (variable)
        use->slot->variable = (uint32_t)json_integer_value(variable);
    else
        error_list_add(c->errors, c->place ? c->place : use->pointer,
                       "no '%s' of this job has the name '%.100s'",
                       use->is_timeout ? "timeout" : "create_task", use->slot->name);
}

void compile_resolve_names(struct compiler *c)
{
    while (c->uses) {
        struct name_use *use = c->uses;
        resolve(c, use);
        c->uses = use->next;
        free(use->pointer);
        free(use);
    }
    json_decref(c->tasks);
    json_decref(c->timeouts);
    c->tasks = c->timeouts = NULL;
}

/* ---- futures: they are the job's, whichever coroutine awaits them ---- */

static struct future_name *add_future(struct compiler *c, const struct text *text)
{
    struct plan *plan = c->plan;
    uint32_t n = plan->n_futures;
    if ((n & (n - 1)) == 0) { /* room doubles */
        const struct future_name **grown =
            allocate_resize(plan->futures, (n ? 2 * n : 1) * sizeof *grown);
        if (!grown)
            return NULL;
        plan->futures = grown;
    }
    struct future_name *future = plan_allocate(plan, sizeof *future);
    if (!future || json_object_set_new(c->futures, text->bytes, json_integer(n)) != 0)
        return NULL;
    *future = (struct future_name){text->bytes, n, plan->n_nodes - 1};
    plan->futures[plan->n_futures++] = future;
    return future;
}

bool compile_future(struct compiler *c, const json_t *value, union argument *out)
{
    const struct text *text = compile_check_name(c, value) ? compile_text(c, value) : NULL;
    if (!text)
        return false;
    if (!c->futures)
        c->futures = json_object();
    const json_t *known = json_object_get(c->futures, text->bytes);
    out->future = known ? c->plan->futures[json_integer_value(known)] : add_future(c, text);
    c->out_of_memory |= !out->future;
    return out->future != NULL;
}

static int compare_futures(const void *one, const void *other)
{
    return strcmp((*(const struct future_name *const *)one)->name,
                  (*(const struct future_name *const *)other)->name);
}

void compile_sort_futures(struct compiler *c)
{
    struct plan *plan = c->plan;
    if (plan->n_futures)
        qsort(plan->futures, plan->n_futures, sizeof *plan->futures, compare_futures);
    for (uint32_t i = 0; i < plan->n_futures; i++) /* the plan's own, while it is made */
        ((struct future_name *)(uintptr_t)plan->futures[i])->index = i;
}
