/* Heaps of deadlines: each loop has one of the host's clock, over one timer of the host, and one of
 * the wall clock, in microseconds. Entries are 24 bytes; equal deadlines fire in the order in which
 * they were armed. [loop] */
#ifndef AWAITD_RUNTIME_TIMER_H
#define AWAITD_RUNTIME_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum timer_state { TIMER_IDLE, TIMER_ARMED, TIMER_DUE };

/* Lives in what it wakes. Start with {0} and fire set. TIMER_DUE: taken from the heap, its handle
 * stands in a job's ready queue at `position`. */
struct timer {
    void (*fire)(struct timer *timer);
    uint32_t position;
    uint16_t state; /* enum timer_state */
    bool is_wall;   /* ARMED: in its loop's heap of the wall clock */
};

struct timer_heap {
    struct timer_entry {
        int64_t due;
        uint64_t sequence;
        struct timer *timer;
    } * entries;
    uint32_t n, capacity;
    uint64_t sequence;
};

void timer_heap_release(struct timer_heap *heap);

void timer_arm(struct timer_heap *heap, struct timer *timer, int64_t due);
/* Takes an armed timer out of the heap; idle ones are left alone. */
void timer_disarm(struct timer_heap *heap, struct timer *timer);
static inline bool timer_is_armed(const struct timer *timer)
{
    return timer->state == TIMER_ARMED;
}
/* The earliest deadline; INT64_MAX when there is none. */
int64_t timer_next(const struct timer_heap *heap);
/* Takes out the earliest timer that is due at now; NULL when none is. It is idle then. */
struct timer *timer_take_due(struct timer_heap *heap, int64_t now);

#endif
