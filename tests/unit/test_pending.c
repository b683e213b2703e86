/* Jobs that begin later, on a loop whose clocks the test sets. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/ops/op.h"
#include "runtime/runtime_internal.h"
#include "schema/json.h"
#include "tests/suites.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define YEARS (10 * 365 * 24 * HOUR)
#define NOW (INT64_C(1795392000) * SECOND)

struct clocks {
    struct host host; /* first */
    int64_t now_ns, wall_us;
};

static int64_t now_ns(struct host *host)
{
    return ((struct clocks *)host)->now_ns;
}

static int64_t wall_us(struct host *host)
{
    return ((struct clocks *)host)->wall_us;
}

static const struct loop_events events = {0};

struct bench {
    struct clocks clocks;
    struct loop_thread thread;
    uint8_t n_ids;
};

static void open_bench(struct bench *b)
{
    *b = (struct bench){.clocks = {.host = {.now_ns = now_ns, .wall_us = wall_us},
                                   .now_ns = 7000 * SECOND,
                                   .wall_us = NOW}};
    chain_init(&b->thread.outbox);
    list_init(&b->thread.due);
    loop_init(&b->thread.loop, &b->clocks.host, &events, &b->thread);
    b->thread.loop.timeline_us = NOW - b->clocks.now_ns / 1000;
}

/* Both clocks go on. */
static void pass(struct bench *b, int64_t us)
{
    b->clocks.now_ns += us * 1000;
    b->clocks.wall_us += us;
}

/* Carries out what is at the store; how many. */
static size_t store_all(struct bench *b)
{
    struct mpsc_node *node = chain_take_all(&b->thread.outbox);
    size_t n = 0;
    for (; node; n++) {
        struct store_request *request = CONTAINER_OF(node, struct store_request, node);
        node = node->next;
        CU_ASSERT_EQUAL(request->verb, STORE_START);
        CU_ASSERT_EQUAL(request->record->state, TASK_RUNNING);
        mpsc_take_all(&b->thread.inbox); /* so that it is not woken: this host has nobody to wake */
        mpsc_push(&b->thread.inbox, &(struct mpsc_node){0});
        request->done(request, 0);
        struct mpsc_node *first = mpsc_take_all(&b->thread.inbox)->next;
        struct message *message = CONTAINER_OF(first, struct message, node);
        message->handle(&b->thread.loop, message);
    }
    return n;
}

static struct job *add(struct bench *b, const char *text, double delay, int64_t run_at_us)
{
    struct error_list errors = {0};
    json_t *spec = json_loads(text, 0, NULL);
    struct plan *plan = plan_compile(
        spec, &(struct plan_options){.ops = &op_registry, .timeout = TIMEOUT_NONE}, &errors);
    struct task_record *record = memory_need(task_record_new());
    json_decref(spec);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    record->id.bytes[15] = ++b->n_ids;
    record->run_at_us = run_at_us;
    CU_ASSERT_TRUE(loop_thread_is_for_later(&b->thread.loop, record, delay));
    loop_thread_note_pending(&b->thread.loop, record, delay);
    struct job *job = job_new(&b->thread.loop, plan, record, plan->has_effects);
    loop_add(&b->thread.loop, job);
    loop_thread_put_off(job);
    loop_thread_await_start(job);
    job->is_stored = true;
    return job;
}

#define SLEEP "{\"op\":\"sleep\",\"seconds\":1e9}"
#define EFFECT "{\"op\":\"subprocess\",\"argv\":[\"true\"]}"

/* What a round of the loop's thread does; how many began. When it wants to be called again is at
 * the due time at the latest, and while a time of the wall clock is awaited in a second. */
static size_t go_round(struct bench *b)
{
    size_t n = b->thread.n_starting;
    struct loop *loop = &b->thread.loop;
    int64_t next_ns = loop_run(loop);
    if (loop->wall_timers.n)
        CU_ASSERT_TRUE(next_ns <= b->clocks.now_ns + SECOND * 1000);
    while (loop_thread_begin_due(&b->thread))
        ;
    return b->thread.n_starting - n;
}

static void close_bench(struct bench *b)
{
    store_all(b);
    loop_release(&b->thread.loop);
}

static const int64_t jumps[] = {HOUR, -HOUR, YEARS, -YEARS};
#define N_JUMPS (sizeof jumps / sizeof *jumps)

static void a_delay_does_not_see_jumps(void)
{
    for (size_t i = 0; i < N_JUMPS; i++) {
        struct bench b;
        open_bench(&b);
        struct job *job = add(&b, SLEEP, 5.0000001, NOW + 5 * SECOND);
        CU_ASSERT_EQUAL(job->record->start_at_us, NOW + 5 * SECOND + 1); /* never early */
        pass(&b, 2 * SECOND);
        b.clocks.wall_us += jumps[i];
        CU_ASSERT_EQUAL(go_round(&b), 0);
        pass(&b, 3 * SECOND);
        CU_ASSERT_EQUAL(go_round(&b), 0);
        CU_ASSERT_EQUAL(job->record->state, TASK_PENDING);
        pass(&b, 1);
        CU_ASSERT_EQUAL(go_round(&b), 1);
        CU_ASSERT_EQUAL(job->record->state, TASK_RUNNING);
        CU_ASSERT_EQUAL(job->record->started_at_us, b.clocks.wall_us);
        CU_ASSERT_EQUAL(job->record->began_at_us, NOW + 5 * SECOND + 1);
        close_bench(&b);
    }
}

static void run_at_follows_jumps_forward(void)
{
    for (size_t i = 0; i < N_JUMPS; i += 2) {
        struct bench b;
        open_bench(&b);
        struct job *job = add(&b, SLEEP, 0, NOW + HOUR / 2);
        pass(&b, 2 * SECOND);
        CU_ASSERT_EQUAL(go_round(&b), 0);
        b.clocks.wall_us += jumps[i];
        CU_ASSERT_EQUAL(go_round(&b), 1);
        CU_ASSERT_FALSE(job->is_pending);
        close_bench(&b);
    }
}

static void run_at_follows_jumps_back(void)
{
    for (size_t i = 1; i < N_JUMPS; i += 2) {
        struct bench b;
        open_bench(&b);
        struct job *job = add(&b, SLEEP, 0, NOW + 5 * SECOND);
        pass(&b, 2 * SECOND);
        b.clocks.wall_us += jumps[i];
        pass(&b, 3 * SECOND - jumps[i] - 1);
        CU_ASSERT_EQUAL(go_round(&b), 0);
        CU_ASSERT_TRUE(job->is_pending);
        pass(&b, 1);
        CU_ASSERT_EQUAL(go_round(&b), 1);
        close_bench(&b);
    }
}

/* Whatever was armed first; and they get turns once it is on disk that they began.
 */
static void they_begin_in_the_order_of_their_times(void)
{
    struct bench b;
    open_bench(&b);
    struct job *third = add(&b, SLEEP, 3, 0), *second = add(&b, EFFECT, 2, 0),
               *first = add(&b, SLEEP, 1, 0);
    pass(&b, HOUR);
    loop_fire_due(&b.thread.loop, b.clocks.now_ns, b.clocks.wall_us);
    CU_ASSERT_PTR_EQUAL(CONTAINER_OF(b.thread.due.next, struct job, ready_link), first);
    CU_ASSERT_TRUE(loop_thread_begin_due(&b.thread));
    CU_ASSERT_FALSE(first->is_queued);
    CU_ASSERT_EQUAL(store_all(&b), 3);
    CU_ASSERT_PTR_EQUAL(b.thread.loop.ready.next, &first->ready_link);
    CU_ASSERT_PTR_EQUAL(first->ready_link.next, &second->ready_link);
    CU_ASSERT_PTR_EQUAL(second->ready_link.next, &third->ready_link);
    close_bench(&b);
}

static void no_more_begin_than_the_disk_keeps_up_with(void)
{
    struct bench b;
    open_bench(&b);
    for (int i = 0; i < 3; i++)
        add(&b, SLEEP, 1, 0);
    pass(&b, HOUR);
    b.thread.n_starting = 1000000;
    CU_ASSERT_EQUAL(go_round(&b), 0);
    CU_ASSERT_FALSE(loop_thread_begin_due(&b.thread)); /* there is nothing to do but wait */
    b.thread.n_starting = 0;
    CU_ASSERT_EQUAL(go_round(&b), 3);
    close_bench(&b);
}

static void none_begins_in_the_drain(void)
{
    struct bench b;
    open_bench(&b);
    struct job *job = add(&b, SLEEP, 1, 0);
    pass(&b, HOUR);
    b.thread.is_draining = true;
    CU_ASSERT_EQUAL(go_round(&b), 0);
    CU_ASSERT_EQUAL(job->record->state, TASK_PENDING);
    close_bench(&b);
}

/* Also when it is due already, and stands in line. */
static void cancelled_it_never_begins(void)
{
    for (int is_due = 0; is_due < 2; is_due++) {
        struct bench b;
        open_bench(&b);
        struct job *job = add(&b, EFFECT, 1, 0);
        pass(&b, is_due ? HOUR : 0);
        loop_fire_due(&b.thread.loop, b.clocks.now_ns, b.clocks.wall_us);
        loop_thread_cancel_job(job, NULL);
        CU_ASSERT_TRUE(job->is_queued);
        CU_ASSERT_EQUAL(b.thread.loop.timers.n, 0);
        while (!job_turn(job, UINT32_MAX))
            ;
        CU_ASSERT_EQUAL(job_finish_record(job)->state, TASK_CANCELLED);
        CU_ASSERT_EQUAL(job->record->started_at_us, 0);
        CU_ASSERT_EQUAL(store_all(&b), 0);
        close_bench(&b);
    }
}

static void what_is_due_begins_at_once(void)
{
    struct bench b;
    struct task_record *record = memory_need(task_record_new());
    open_bench(&b);
    CU_ASSERT_FALSE(loop_thread_is_for_later(&b.thread.loop, record, 0));
    record->run_at_us = NOW;
    CU_ASSERT_FALSE(loop_thread_is_for_later(&b.thread.loop, record, 0));
    record->run_at_us = -YEARS;
    CU_ASSERT_FALSE(loop_thread_is_for_later(&b.thread.loop, record, 0));
    record->run_at_us = NOW + 1;
    CU_ASSERT_TRUE(loop_thread_is_for_later(&b.thread.loop, record, 0));
    task_record_unref(record);
    close_bench(&b);
}

extern CU_TestInfo tests_pending[];
CU_TestInfo tests_pending[] = {
    {"a delay does not see jumps", a_delay_does_not_see_jumps},
    {"run_at follows jumps forward", run_at_follows_jumps_forward},
    {"run_at follows jumps back", run_at_follows_jumps_back},
    {"they begin in the order of their times", they_begin_in_the_order_of_their_times},
    {"no more begin than the disk keeps up with", no_more_begin_than_the_disk_keeps_up_with},
    {"none begins in the drain", none_begins_in_the_drain},
    {"cancelled it never begins", cancelled_it_never_begins},
    {"what is due begins at once", what_is_due_begins_at_once},
    CU_TEST_INFO_NULL,
};
