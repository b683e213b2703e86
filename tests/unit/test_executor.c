/* Executors: who runs what, when, and what becomes of what nobody waits for. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/executor/executor.h"
#include "runtime/executor/executor_kind.h"
#include "tests/suites.h"

extern CU_TestInfo tests_executor[];

/* ---- a world of executors, with functions that wait for us ---- */

static struct {
    sem_t started, go;
} gate;

static void run_gate(struct function_call *call)
{
    sem_post(&gate.started);
    sem_wait(&gate.go);
    function_return_json(call, json_null());
}

static const struct function function_gate = {
    .name = "gate", .summary = "Waits.", .parameters_json = "{}", .run = run_gate};

#define PATIENCE_MS 20000

/* sem_wait for what comes soon, or never. */
static void expect(sem_t *semaphore)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_MS / 1000;
    CU_ASSERT_EQUAL_FATAL(sem_timedwait(semaphore, &end), 0);
}

struct world {
    struct functions *functions;
    struct executors *executors;
    struct operation_backend *backend;
};

static struct world open_world(void)
{
    struct world w;
    struct error e;
    w.functions = functions_new(&e);
    CU_ASSERT_EQUAL_FATAL(functions_add(w.functions, &function_gate, &e), 0);
    w.executors = executors_open(NULL, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w.executors);
    w.backend = executors_backend(w.executors);
    sem_init(&gate.started, 0, 0);
    sem_init(&gate.go, 0, 0);
    return w;
}

static void close_world(struct world *w)
{
    CU_ASSERT_TRUE(executors_close(w->executors, PATIENCE_MS));
    functions_free(w->functions);
    sem_destroy(&gate.started);
    sem_destroy(&gate.go);
}

static void put(struct world *w, const char *name, unsigned workers, size_t max_queue)
{
    const struct executor_options options = {workers, max_queue, EXECUTOR_KIND_THREAD};
    executors_put(w->executors, name, &options);
}

static struct executor_info look(struct world *w, const char *name)
{
    struct executor_info info = {0};
    CU_ASSERT_TRUE(executors_look(w->executors, name, &info));
    free(info.name);
    info.name = NULL;
    return info;
}

/* Something that another thread is about to do. */
#define EVENTUALLY(condition)                                                                      \
    do {                                                                                           \
        int tries = PATIENCE_MS;                                                                   \
        while (!(condition) && tries-- > 0)                                                        \
            nanosleep(&(struct timespec){0, 1000000}, NULL);                                       \
        CU_ASSERT_TRUE(tries > 0);                                                                 \
    } while (0)

/* ---- calls, as a host has them ---- */

static void complete(struct operation *operation)
{
    sem_post(operation->context);
}

static void report(struct operation *operation, double fraction, const char *message)
{
    (void)operation, (void)fraction, (void)message;
}

static struct function_call *begin(struct world *w, const char *function, const char *given,
                                   const char *executor)
{
    struct buffer text = {0};
    buffer_text(&text, given);
    struct function_call *call =
        function_call_new(functions_find(w->functions, function), &text, executor);
    call->operation.complete = complete;
    call->operation.report = report;
    call->operation.context = malloc(sizeof(sem_t));
    sem_init(call->operation.context, 0, 0);
    w->backend->begin(w->backend, &call->operation);
    return call;
}

static void give_up(struct world *w, struct function_call *call)
{
    atomic_store_explicit(&call->operation.is_given_up, true, memory_order_relaxed);
    w->backend->give_up(w->backend, &call->operation);
}

/* The answer of a call that is over, which is gone then. */
static struct answer take_answer(struct function_call *call)
{
    sem_destroy(call->operation.context);
    free(call->operation.context);
    struct answer answer = call->operation.answer;
    call->operation.answer = (struct answer){0};
    operation_free(&call->operation);
    return answer;
}

static struct answer end(struct function_call *call)
{
    expect(call->operation.context);
    return take_answer(call);
}

static void ends_with(struct function_call *call, const char *type, const char *text)
{
    struct answer answer = end(call);
    CU_ASSERT_STRING_EQUAL(answer.type ? answer.type : "", type);
    CU_ASSERT_NSTRING_EQUAL(answer.text ? answer.text : "", text, strlen(text));
    answer_release(&answer);
}

static void is_dropped(struct function_call *call)
{
    struct answer answer = end(call);
    answer_release(&answer);
}

/* ---- tests ---- */

static void a_call_is_answered(void)
{
    struct world w = open_world();
    ends_with(begin(&w, "echo", "{\"value\":[1,\"a\"]}", NULL), "", "[1,\"a\"]");
    ends_with(begin(&w, "echo", "{\"valu\":1}", NULL), "TypeError", "echo() got an unexpected");
    struct executor_info info = look(&w, EXECUTOR_DEFAULT);
    CU_ASSERT_EQUAL(info.done, 1);
    CU_ASSERT_EQUAL(info.failed, 1);
    CU_ASSERT_EQUAL(info.running, 0);
    CU_ASSERT_TRUE(info.threads >= 1 && info.threads <= 2);
    close_world(&w);
}

static void threads_start_when_there_is_something_to_do(void)
{
    struct world w = open_world();
    put(&w, "four", 4, 100);
    CU_ASSERT_EQUAL(look(&w, "four").threads, 0);
    struct function_call *calls[3];
    for (unsigned i = 0; i < 3; i++) {
        calls[i] = begin(&w, "gate", "", "four");
        CU_ASSERT_EQUAL(look(&w, "four").threads, i + 1);
    }
    for (int i = 0; i < 3; i++)
        expect(&gate.started);
    for (int i = 0; i < 3; i++)
        sem_post(&gate.go);
    for (int i = 0; i < 3; i++)
        ends_with(calls[i], "", "null");
    close_world(&w);
}

static void no_more_run_at_once_than_there_are_workers(void)
{
    struct world w = open_world();
    put(&w, "two", 2, 100);
    struct function_call *calls[5];
    for (int i = 0; i < 5; i++)
        calls[i] = begin(&w, "gate", "", "two");
    expect(&gate.started);
    expect(&gate.started);
    struct executor_info info = look(&w, "two");
    CU_ASSERT_EQUAL(info.running, 2);
    CU_ASSERT_EQUAL(info.queued, 3);
    CU_ASSERT_EQUAL(info.threads, 2);
    CU_ASSERT_NOT_EQUAL(sem_trywait(&gate.started), 0);
    for (int i = 0; i < 5; i++)
        sem_post(&gate.go);
    for (int i = 0; i < 5; i++)
        ends_with(calls[i], "", "null");
    close_world(&w);
}

static void another_executor_is_not_held_up(void)
{
    struct world w = open_world();
    put(&w, "one", 1, 100);
    struct function_call *stuck = begin(&w, "gate", "", "one");
    expect(&gate.started);
    struct function_call *behind = begin(&w, "noop", "", "one");
    ends_with(begin(&w, "noop", "", NULL), "", "null");
    CU_ASSERT_EQUAL(look(&w, "one").queued, 1);
    sem_post(&gate.go);
    ends_with(stuck, "", "null");
    ends_with(behind, "", "null");
    close_world(&w);
}

static void what_is_given_up_in_the_queue_never_starts(void)
{
    struct world w = open_world();
    put(&w, "one", 1, 100);
    struct function_call *first = begin(&w, "gate", "", "one");
    expect(&gate.started);
    struct function_call *second = begin(&w, "gate", "", "one");
    struct function_call *third = begin(&w, "echo", "{\"value\":3}", "one");
    give_up(&w, second);
    is_dropped(second); /* at once, though the worker is busy */
    CU_ASSERT_EQUAL(look(&w, "one").queued, 1);
    sem_post(&gate.go);
    ends_with(first, "", "null");
    ends_with(third, "", "3");
    CU_ASSERT_NOT_EQUAL(sem_trywait(&gate.started), 0);
    CU_ASSERT_EQUAL(look(&w, "one").done, 2);
    close_world(&w);
}

static void what_runs_sees_that_it_is_given_up(void)
{
    struct world w = open_world();
    struct function_call *call = begin(&w, "sleep", "{\"seconds\":1000000}", NULL);
    EVENTUALLY(look(&w, EXECUTOR_DEFAULT).running == 1);
    give_up(&w, call);
    is_dropped(call);
    struct executor_info info = look(&w, EXECUTOR_DEFAULT);
    CU_ASSERT_EQUAL(info.running, 0);
    CU_ASSERT_EQUAL(info.abandoned, 0);
    close_world(&w);
}

static void what_does_not_look_is_abandoned(void)
{
    struct world w = open_world();
    struct function_call *call = begin(&w, "gate", "", NULL);
    expect(&gate.started);
    give_up(&w, call);
    struct executor_info info = look(&w, EXECUTOR_DEFAULT);
    CU_ASSERT_EQUAL(info.running, 1);
    CU_ASSERT_EQUAL(info.abandoned, 1);
    sem_post(&gate.go);
    is_dropped(call);
    CU_ASSERT_EQUAL(look(&w, EXECUTOR_DEFAULT).abandoned, 0);
    close_world(&w);
}

static void a_queue_has_an_end(void)
{
    struct world w = open_world();
    put(&w, "small", 1, 1);
    struct function_call *runs = begin(&w, "gate", "", "small");
    struct function_call *waits = begin(&w, "gate", "", "small");
    ends_with(begin(&w, "gate", "", "small"), "QueueFull",
              "1 calls wait for the executor 'small' already");
    give_up(&w, waits);
    is_dropped(waits);
    waits = begin(&w, "gate", "", "small"); /* there is room again */
    sem_post(&gate.go);
    sem_post(&gate.go);
    ends_with(runs, "", "null");
    ends_with(waits, "", "null");
    put(&w, "small", 1, 0); /* none waits, but one may run */
    ends_with(begin(&w, "noop", "", "small"), "", "null");
    close_world(&w);
}

static void an_executor_that_is_not_there_is_an_error(void)
{
    struct world w = open_world();
    ends_with(begin(&w, "noop", "", "nobody"), "LookupError", "there is no executor 'nobody'");
    CU_ASSERT_FALSE(executors_have(w.executors, "nobody"));
    char *like = executors_nearest(w.executors, "defualt");
    CU_ASSERT_STRING_EQUAL(like, EXECUTOR_DEFAULT);
    free(like);
    close_world(&w);
}

static void more_workers_start_for_what_waits_and_fewer_end(void)
{
    struct world w = open_world();
    struct function_call *calls[4];
    put(&w, "pool", 1, 100);
    for (int i = 0; i < 4; i++)
        calls[i] = begin(&w, "gate", "", "pool");
    expect(&gate.started);
    put(&w, "pool", 3, 100);
    expect(&gate.started);
    expect(&gate.started);
    CU_ASSERT_EQUAL(look(&w, "pool").running, 3);
    put(&w, "pool", 1, 100);
    CU_ASSERT_EQUAL(look(&w, "pool").running, 3);
    for (int i = 0; i < 4; i++)
        sem_post(&gate.go);
    for (int i = 0; i < 4; i++)
        ends_with(calls[i], "", "null");
    EVENTUALLY(look(&w, "pool").threads == 1);
    ends_with(begin(&w, "noop", "", "pool"), "", "null");
    close_world(&w);
}

static void an_executor_can_be_removed_when_it_has_no_calls(void)
{
    struct world w = open_world();
    put(&w, "gone", 2, 100);
    CU_ASSERT_EQUAL(executors_retire(w.executors, "nobody"), -ERROR_NOT_FOUND);
    struct function_call *call = begin(&w, "gate", "", "gone");
    CU_ASSERT_EQUAL(executors_retire(w.executors, "gone"), -ERROR_CONFLICT);
    sem_post(&gate.go);
    ends_with(call, "", "null");
    CU_ASSERT_EQUAL(executors_retire(w.executors, "gone"), 0);
    CU_ASSERT_EQUAL(executors_retire(w.executors, "gone"), -ERROR_NOT_FOUND);
    ends_with(begin(&w, "noop", "", "gone"), "LookupError", "there is no executor 'gone'");
    executors_revive(w.executors, "gone");
    ends_with(begin(&w, "noop", "", "gone"), "", "null");
    CU_ASSERT_EQUAL(executors_retire(w.executors, "gone"), 0);
    put(&w, "gone", 2, 100); /* was on its way to the store when the removal was asked for */
    CU_ASSERT_FALSE(executors_have(w.executors, "gone"));
    executors_remove(w.executors, "gone");
    CU_ASSERT_FALSE(executors_have(w.executors, "gone"));
    put(&w, "gone", 1, 0);
    ends_with(begin(&w, "noop", "", "gone"), "", "null");
    close_world(&w);
}

static void executors_are_listed_by_name(void)
{
    struct world w = open_world();
    put(&w, "z", 1, 0);
    put(&w, "a", 2, 5);
    size_t n;
    struct executor_info *list = executors_list(w.executors, &n);
    CU_ASSERT_EQUAL_FATAL(n, 3);
    CU_ASSERT_STRING_EQUAL(list[0].name, "a");
    CU_ASSERT_STRING_EQUAL(list[1].name, EXECUTOR_DEFAULT);
    CU_ASSERT_STRING_EQUAL(list[2].name, "z");
    CU_ASSERT_EQUAL(list[0].options.workers, 2);
    CU_ASSERT_EQUAL(list[0].options.max_queue, 5);
    while (n)
        free(list[--n].name);
    free(list);
    close_world(&w);
}

static void what_never_returns_does_not_hold_up_the_end(void)
{
    struct world w = open_world();
    struct function_call *call = begin(&w, "gate", "", NULL);
    expect(&gate.started);
    give_up(&w, call);
    CU_ASSERT_FALSE(executors_close(w.executors, 10));
    sem_post(&gate.go);
    is_dropped(call);
    close_world(&w);
}

/* Each thread is a loop of its own that begins calls and gives some of them up. */
#define STORM 500
static void *storm(void *argument)
{
    struct world *w = argument;
    struct function_call *calls[STORM];
    for (int i = 0; i < STORM; i++) {
        calls[i] = i % 7 == 0 ? begin(w, "sleep", "{\"seconds\":1000}", NULL)
                              : begin(w, "noop", "", i % 2 ? NULL : "two");
        if (i % 7 == 0 || i % 5 == 0)
            give_up(w, calls[i]);
    }
    for (int i = 0; i < STORM; i++) {
        sem_wait(calls[i]->operation.context); /* CUnit is for one thread */
        struct answer answer = take_answer(calls[i]);
        answer_release(&answer);
    }
    return NULL;
}

static void many_threads_use_them_at_once(void)
{
    struct world w = open_world();
    pthread_t threads[3];
    put(&w, "two", 2, 10000);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, storm, &w);
    for (int i = 0; i < 50; i++) {
        put(&w, "two", 1 + (unsigned)i % 4, 10000);
        put(&w, "other", 1, 1);
        if (executors_retire(w.executors, "other") == 0)
            executors_remove(w.executors, "other");
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    struct executor_info info = look(&w, "two");
    CU_ASSERT_EQUAL(info.queued + info.running + info.abandoned, 0);
    close_world(&w);
}

CU_TestInfo tests_executor[] = {
    {"a_call_is_answered", a_call_is_answered},
    {"threads_start_when_there_is_something_to_do", threads_start_when_there_is_something_to_do},
    {"no_more_run_at_once_than_there_are_workers", no_more_run_at_once_than_there_are_workers},
    {"another_executor_is_not_held_up", another_executor_is_not_held_up},
    {"what_is_given_up_in_the_queue_never_starts", what_is_given_up_in_the_queue_never_starts},
    {"what_runs_sees_that_it_is_given_up", what_runs_sees_that_it_is_given_up},
    {"what_does_not_look_is_abandoned", what_does_not_look_is_abandoned},
    {"a_queue_has_an_end", a_queue_has_an_end},
    {"an_executor_that_is_not_there_is_an_error", an_executor_that_is_not_there_is_an_error},
    {"more_workers_start_for_what_waits_and_fewer_end",
     more_workers_start_for_what_waits_and_fewer_end},
    {"an_executor_can_be_removed_when_it_has_no_calls",
     an_executor_can_be_removed_when_it_has_no_calls},
    {"executors_are_listed_by_name", executors_are_listed_by_name},
    {"what_never_returns_does_not_hold_up_the_end", what_never_returns_does_not_hold_up_the_end},
    {"many_threads_use_them_at_once", many_threads_use_them_at_once},
    CU_TEST_INFO_NULL,
};
