/* The runtime through its face, on a store in memory: several threads submit, wait, cancel and look
 * at once. Run under ThreadSanitizer too. */
#include <pthread.h>
#include <string.h>

#include "tests/unit/runtime_fixture.h"

extern CU_TestInfo tests_runtime[];

static void a_waiter_gets_the_ended_record(void)
{
    struct fixture f = open_fixture(10);
    struct call call;
    submit(&f, &call, "{\"op\":\"sleep\",\"seconds\":0.01,\"result\":[1,2]}", 60);
    CU_ASSERT_EQUAL(call.status, 0);
    sem_wait(&call.over);
    CU_ASSERT_PTR_NOT_NULL_FATAL(call.ended);
    CU_ASSERT_EQUAL(call.ended->state, TASK_SUCCEEDED);
    CU_ASSERT_STRING_EQUAL(call.ended->result, "[1,2]");
    release_call(&call);
    close_fixture(&f);
}

#define N_LINES 500

static void count_line(void *context, const struct log_entry *entry)
{
    (void)entry;
    ++*(size_t *)context;
}

/* The log of a job that ends before it was ever stored; long, and again and again, so that the
 * writer has a chance to begin in the middle. */
static void the_log_is_there_when_the_end_is(void)
{
    struct fixture f = open_fixture(10);
    struct store_reader *reader;
    struct buffer spec = {0};
    buffer_text(&spec, "{\"op\":\"sequence\",\"steps\":[{\"op\":\"value\",\"value\":1}");
    for (int i = 0; i < N_LINES; i++)
        buffer_text(&spec, ",{\"op\":\"log\",\"message\":\"x\"}");
    buffer_text(&spec, "]}");
    CU_ASSERT_EQUAL_FATAL(store_reader_open(&reader, f.store, NULL), 0);
    for (int i = 0; i < 50; i++) {
        struct call call;
        size_t n = 0;
        submit(&f, &call, spec.bytes, 60);
        sem_wait(&call.over);
        CU_ASSERT_EQUAL(store_read_log(reader, &call.id, 0, SIZE_MAX, count_line, &n, NULL), 0);
        CU_ASSERT_EQUAL(n, N_LINES);
        release_call(&call);
    }
    buffer_release(&spec);
    store_reader_close(reader);
    close_fixture(&f);
}

static void a_wait_that_is_over_first_gets_nothing(void)
{
    struct fixture f = open_fixture(10);
    struct call call;
    submit(&f, &call, "{\"op\":\"sleep\",\"seconds\":3600}", 0.01);
    sem_wait(&call.over);
    CU_ASSERT_PTR_NULL(call.ended);
    release_call(&call);
    close_fixture(&f);
}

static void a_wait_can_be_given_up(void)
{
    struct fixture f = open_fixture(10);
    struct call call, other;
    submit(&f, &call, "{\"op\":\"sleep\",\"seconds\":3600}", 3600);
    other = call;
    other.waiter =
        (struct waiter){.id = call.id, .wait_ns = 3600000000000, .ticket = 7, .done = waited};
    sem_init(&other.over, 0, 0);
    runtime_wait(f.runtime, &other.waiter);
    runtime_give_up(f.runtime, &call.id, 8); /* nobody's ticket */
    runtime_give_up(f.runtime, &call.id, 7);
    sem_wait(&other.over);
    CU_ASSERT_PTR_NULL(other.ended);
    close_fixture(&f); /* answers the first one */
    sem_wait(&call.over);
    release_call(&call);
}

static void too_many_open_tasks_are_refused(void)
{
    struct fixture f = open_fixture(1);
    struct call first, second;
    submit(&f, &first, "{\"op\":\"sleep\",\"seconds\":3600}", 0);
    submit(&f, &second, "{\"op\":\"sleep\",\"seconds\":3600}", 0);
    CU_ASSERT_EQUAL(first.status, 0);
    CU_ASSERT_EQUAL(second.status, -ERROR_TOO_MANY);
    release_call(&first);
    release_call(&second);
    close_fixture(&f);
}

static void a_cancelled_task_ends_with_the_message(void)
{
    struct fixture f = open_fixture(10);
    struct call call;
    submit(&f, &call, "{\"op\":\"sleep\",\"seconds\":3600}", 60);
    CU_ASSERT_EQUAL(cancel(&f, &call.id, NULL, "enough"), 0);
    sem_wait(&call.over);
    CU_ASSERT_EQUAL(call.ended->state, TASK_CANCELLED);
    CU_ASSERT_PTR_NOT_NULL(strstr(call.ended->error, "\"message\":\"enough\""));
    CU_ASSERT_NOT_EQUAL(call.ended->cancel_requested_at_us, 0);
    CU_ASSERT_EQUAL(cancel(&f, &call.id, NULL, NULL), -ERROR_NOT_FOUND);
    release_call(&call);
    close_fixture(&f);
}

static void what_is_asked_while_draining_is_answered(void)
{
    struct fixture f = open_fixture(10);
    struct call call, late;
    submit(&f, &call, "{\"op\":\"sleep\",\"seconds\":3600}", 3600);
    runtime_drain(f.runtime, 1000);
    sem_wait(&call.over);
    CU_ASSERT_PTR_NULL(call.ended);
    submit(&f, &late, "{\"op\":\"value\",\"value\":1}", 0);
    CU_ASSERT_EQUAL(late.status, -ERROR_DRAINING);
    release_call(&call);
    release_call(&late);
    close_drained_fixture(&f);
}

#define N_THREADS 4
#define N_CALLS 200

static void *submit_many(void *context)
{
    static const char *const specs[] = {
        "{\"op\":\"value\",\"value\":1}",
        "{\"op\":\"gather\",\"tasks\":[{\"op\":\"sleep\",\"seconds\":0.001},{\"op\":\"log\","
        "\"message\":\"x\"}]}",
        "{\"op\":\"timeout\",\"seconds\":0.001,\"body\":{\"op\":\"sleep\",\"seconds\":9}}",
        "{\"op\":\"subprocess\",\"argv\":[\"true\"]}",
    };
    struct fixture *f = context;
    size_t n_ended = 0;
    for (size_t i = 0; i < N_CALLS; i++) {
        struct call call;
        submit(f, &call, specs[i % (i % 20 ? 3 : 4)], 60);
        sem_wait(&call.over);
        n_ended += call.ended != NULL;
        release_call(&call);
    }
    return (void *)n_ended;
}

static void many_threads_at_once(void)
{
    struct fixture f = open_fixture(1000);
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        pthread_create(&threads[i], NULL, submit_many, &f);
    for (int i = 0; i < N_THREADS; i++) {
        void *n_ended;
        pthread_join(threads[i], &n_ended);
        CU_ASSERT_EQUAL((size_t)n_ended, N_CALLS);
    }
    struct runtime_stats stats;
    runtime_stats(f.runtime, &stats);
    CU_ASSERT_EQUAL(stats.submitted, N_THREADS * N_CALLS);
    close_fixture(&f);
}

CU_TestInfo tests_runtime[] = {
    {"a_waiter_gets_the_ended_record", a_waiter_gets_the_ended_record},
    {"the_log_is_there_when_the_end_is", the_log_is_there_when_the_end_is},
    {"a_wait_that_is_over_first_gets_nothing", a_wait_that_is_over_first_gets_nothing},
    {"a_wait_can_be_given_up", a_wait_can_be_given_up},
    {"too_many_open_tasks_are_refused", too_many_open_tasks_are_refused},
    {"a_cancelled_task_ends_with_the_message", a_cancelled_task_ends_with_the_message},
    {"what_is_asked_while_draining_is_answered", what_is_asked_while_draining_is_answered},
    {"many_threads_at_once", many_threads_at_once},
    CU_TEST_INFO_NULL,
};
