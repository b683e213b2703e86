#include "runtime/timer.h"

#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"

static bool is_before(const struct timer_entry *a, const struct timer_entry *b)
{
    return a->due != b->due ? a->due < b->due : a->sequence < b->sequence;
}

static void place(struct timer_heap *heap, uint32_t i, struct timer_entry entry)
{
    heap->entries[i] = entry;
    entry.timer->position = i;
}

/* Four children to a node: fewer levels than two, in one or two cache lines. */
#define ARITY 4

static void sift_up(struct timer_heap *heap, uint32_t i, struct timer_entry entry)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / ARITY;
        if (!is_before(&entry, &heap->entries[parent]))
            break;
        place(heap, i, heap->entries[parent]);
        i = parent;
    }
    place(heap, i, entry);
}

static void sift_down(struct timer_heap *heap, uint32_t i, struct timer_entry entry)
{
    for (;;) {
        uint64_t first = (uint64_t)i * ARITY + 1;
        if (first >= heap->n)
            break;
        uint32_t least = (uint32_t)first;
        for (uint32_t child = least + 1; child < heap->n && child < first + ARITY; child++)
            if (is_before(&heap->entries[child], &heap->entries[least]))
                least = child;
        if (!is_before(&heap->entries[least], &entry))
            break;
        place(heap, i, heap->entries[least]);
        i = least;
    }
    place(heap, i, entry);
}

void timer_heap_release(struct timer_heap *heap)
{
    free(heap->entries);
    *heap = (struct timer_heap){0};
}

void timer_arm(struct timer_heap *heap, struct timer *timer, int64_t due)
{
    BUG_ON(timer->state != TIMER_IDLE);
    if (heap->n == heap->capacity) {
        BUG_ON(heap->n >= UINT32_MAX / 2);
        heap->capacity = heap->capacity ? heap->capacity * 2 : 64;
        heap->entries = memory_resize(heap->entries, heap->capacity * sizeof *heap->entries);
    }
    timer->state = TIMER_ARMED;
    sift_up(heap, heap->n++, (struct timer_entry){due, heap->sequence++, timer});
}

static void take_out(struct timer_heap *heap, uint32_t i)
{
    heap->entries[i].timer->state = TIMER_IDLE;
    struct timer_entry last = heap->entries[--heap->n];
    if (i == heap->n)
        return;
    if (i > 0 && is_before(&last, &heap->entries[(i - 1) / ARITY]))
        sift_up(heap, i, last);
    else
        sift_down(heap, i, last);
}

void timer_disarm(struct timer_heap *heap, struct timer *timer)
{
    if (timer->state == TIMER_ARMED)
        take_out(heap, timer->position);
}

int64_t timer_next(const struct timer_heap *heap)
{
    return heap->n ? heap->entries[0].due : INT64_MAX;
}

struct timer *timer_take_due(struct timer_heap *heap, int64_t now)
{
    if (!heap->n || heap->entries[0].due > now)
        return NULL;
    struct timer *timer = heap->entries[0].timer;
    take_out(heap, 0);
    return timer;
}
