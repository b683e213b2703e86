/* The heap of deadlines. */
#include <stdlib.h>

#include "runtime/timer.h"
#include "tests/suites.h"

extern CU_TestInfo tests_timer[];

#define N 2000

struct entry {
    struct timer timer;
    int64_t due;
    int order;
};

static void timers_fire_by_deadline_then_by_order_of_arming(void)
{
    struct timer_heap heap = {0};
    struct entry *entries = calloc(N, sizeof *entries);
    srand(1);
    for (int i = 0; i < N; i++) {
        entries[i].due = rand() % 100;
        entries[i].order = i;
        timer_arm(&heap, &entries[i].timer, entries[i].due);
    }
    for (int i = 0; i < N; i += 3)
        timer_disarm(&heap, &entries[i].timer);
    struct entry *last = NULL;
    int n = 0;
    for (struct timer *timer; (timer = timer_take_due(&heap, INT64_MAX)); n++) {
        struct entry *entry = (struct entry *)timer;
        CU_ASSERT_NOT_EQUAL(entry->order % 3, 0);
        CU_ASSERT_TRUE(!last || last->due < entry->due ||
                       (last->due == entry->due && last->order < entry->order));
        last = entry;
    }
    CU_ASSERT_EQUAL(n, N - (N + 2) / 3);
    timer_heap_release(&heap);
    free(entries);
}

static void nothing_fires_early(void)
{
    struct timer_heap heap = {0};
    struct timer a = {0};
    CU_ASSERT_EQUAL(timer_next(&heap), INT64_MAX);
    timer_arm(&heap, &a, 100);
    CU_ASSERT_EQUAL(timer_next(&heap), 100);
    CU_ASSERT_PTR_NULL(timer_take_due(&heap, 99));
    CU_ASSERT_PTR_EQUAL(timer_take_due(&heap, 100), &a);
    timer_disarm(&heap, &a); /* an idle one: nothing happens */
    CU_ASSERT_EQUAL(timer_next(&heap), INT64_MAX);
    timer_heap_release(&heap);
}

CU_TestInfo tests_timer[] = {
    {"timers_fire_by_deadline_then_by_order_of_arming",
     timers_fire_by_deadline_then_by_order_of_arming},
    {"nothing_fires_early", nothing_fires_early},
    CU_TEST_INFO_NULL,
};
