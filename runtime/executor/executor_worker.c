/* The threads of executors, and the calls on their way through them. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "runtime/base/memory.h"
#include "runtime/executor/executor_internal.h"

/* ---- conditions ---- */

void executor_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    BUG_ON(pthread_cond_init(condition, &attributes) != 0);
    pthread_condattr_destroy(&attributes);
}

bool executor_condition_wait(pthread_cond_t *condition, struct executors *executors, int64_t at_ns)
{
    const struct timespec at = {at_ns / 1000000000, at_ns % 1000000000};
    return pthread_cond_timedwait(condition, &executors->lock, &at) == 0;
}

/* ---- a worker ---- */

static bool should_end(const struct worker *worker)
{
    const struct executor *executor = worker->executor;
    return worker->executors->is_closing || executor->is_removed ||
           executor->n_workers > executor->options.workers;
}

/* Locked. A call waits, and somebody could take it who does not know. */
static void wake_one(struct executor *executor)
{
    if (list_is_empty(&executor->queue) || executor->n_idle == 0 || executor->is_waking)
        return;
    executor->is_waking = true;
    pthread_cond_signal(&executor->work);
}

/* Locked. From now on the executor is not the worker's. */
static void resign(struct worker *worker)
{
    struct executor *executor = worker->executor;
    wake_one(executor); /* it may have been the one who was told */
    worker->executor = NULL;
    list_remove(&worker->link);
    executor->n_workers--;
    if (executor->is_removed && executor->n_workers == 0)
        executor_free(executor);
}

/* What runs in the server's own process may end that: then the next one is told. */
static void mark(struct worker *worker, const struct function_call *call)
{
    worker->is_marked = true;
    marks_set(worker->executors->marks, worker->slot, &call->mark);
}

/* Not after each call, as the next one's mark takes the place of its: for that long a call may seem
 * to run that has just ended. */
static void unmark(struct worker *worker)
{
    if (worker->is_marked)
        marks_set(worker->executors->marks, worker->slot, NULL);
    worker->is_marked = false;
}

/* Locked. NULL: the worker is to end. */
static struct function_call *take(struct worker *worker)
{
    struct executor *executor = worker->executor;
    while (!should_end(worker) && list_is_empty(&executor->queue)) {
        unmark(worker);
        executor->n_idle++;
        pthread_cond_wait(&executor->work, &worker->executors->lock);
        executor->n_idle--;
        executor->is_waking = false;
    }
    if (should_end(worker)) {
        resign(worker);
        return NULL;
    }
    struct function_call *call = CONTAINER_OF(executor->queue.next, struct function_call, link);
    list_remove(&call->link);
    executor->n_queued--;
    executor->n_running++;
    call->state = CALL_RUNNING;
    call->worker = worker;
    worker->call = call;
    worker->kind = executor_kind_for(executor->options.kind, call->function);
    wake_one(executor);
    return call;
}

/* Locked. The answer is there. */
static void finish(struct worker *worker, struct function_call *call)
{
    struct executor *executor = worker->executor;
    call->state = CALL_OVER;
    worker->call = NULL;
    executor->n_running--;
    executor->n_abandoned -= call->is_abandoned;
    if (call->operation.answer.type)
        executor->n_failed++;
    else
        executor->n_done++;
}

static void close_kinds(struct worker *worker)
{
    for (size_t i = 0; i < EXECUTOR_KINDS; i++)
        if (executor_kinds[i].close)
            executor_kinds[i].close(worker);
}

/* Locked. */
static size_t take_slot(struct executors *executors)
{
    size_t i = 0;
    while (i < MARKS_MAX && executors->slots[i])
        i++;
    if (i < MARKS_MAX)
        executors->slots[i] = true;
    return i;
}

/* Locked. */
static void give_slot_back(const struct worker *worker)
{
    if (worker->slot < MARKS_MAX)
        worker->executors->slots[worker->slot] = false;
}

/* Locked. */
static void leave(struct worker *worker)
{
    struct executors *executors = worker->executors;
    list_append(&executors->gone, &worker->link);
    executors->n_threads--;
    give_slot_back(worker);
    pthread_cond_signal(&executors->ended);
}

static void run(struct worker *worker, struct function_call *call)
{
    if (call->is_marked && worker->slot < MARKS_MAX && worker->kind == EXECUTOR_KIND_THREAD)
        mark(worker, call);
    else
        unmark(worker);
    worker->kind->run(worker, call);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct executors *executors = worker->executors;
    struct function_call *call;
    executors_lock(executors);
    while ((call = take(worker))) {
        executors_unlock(executors);
        run(worker, call);
        executors_lock(executors);
        finish(worker, call);
        executors_unlock(executors);
        operation_complete(&call->operation);
        executors_lock(executors);
    }
    executors_unlock(executors);
    unmark(worker);
    close_kinds(worker);
    executors_lock(executors);
    leave(worker);
    executors_unlock(executors);
    return NULL;
}

void worker_wait(struct worker *worker, double seconds, bool ends_early)
{
    struct executors *executors = worker->executors;
    int64_t end_ns = clock_now_ns() + (int64_t)ceil(seconds * 1e9);
    executors_lock(executors);
    while (!(ends_early && operation_is_given_up(&worker->call->operation)) &&
           executor_condition_wait(&worker->given_up, executors, end_ns))
        ;
    executors_unlock(executors);
}

/* ---- starting them ---- */

static int start_thread(struct worker *worker)
{
    pthread_attr_t attributes;
    sigset_t all;
    char name[16];
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setsigmask_np(&attributes, &all);
    int error = pthread_create(&worker->thread, &attributes, work, worker);
    pthread_attr_destroy(&attributes);
    if (error == 0) {
        snprintf(name, sizeof name, "x:%s", worker->executor->name);
        pthread_setname_np(worker->thread, name);
    }
    return error;
}

/* Locked. False: the system has no thread for it. */
static bool start_worker(struct executor *executor)
{
    struct executors *executors = executor->executors;
    executors_reap(executors);
    struct worker *worker = memory_new_zeroed(1, sizeof *worker);
    worker->executors = executors;
    worker->executor = executor;
    worker->slot = take_slot(executors);
    executor_condition_init(&worker->given_up);
    list_append(&executor->workers, &worker->link);
    executor->n_workers++;
    executors->n_threads++;
    if (start_thread(worker) == 0)
        return true;
    list_remove(&worker->link);
    executor->n_workers--;
    executors->n_threads--;
    give_slot_back(worker);
    pthread_cond_destroy(&worker->given_up);
    free(worker);
    return false;
}

void executors_reap(struct executors *executors)
{
    while (!list_is_empty(&executors->gone)) {
        struct worker *worker = CONTAINER_OF(executors->gone.next, struct worker, link);
        list_remove(&worker->link);
        pthread_join(worker->thread, NULL); /* all that it has left to do is to return */
        pthread_cond_destroy(&worker->given_up);
        free(worker);
    }
}

void executor_fill(struct executor *executor)
{
    while (executor->n_workers < executor->options.workers &&
           executor->n_queued > executor->n_workers - executor->n_running && start_worker(executor))
        ;
}

void executor_wake_all(struct executor *executor)
{
    pthread_cond_broadcast(&executor->work);
}

/* ---- the backend ---- */

/* Workers that run nothing, those that can still be started among them: what they will take does
 * not wait. */
static size_t n_free(const struct executor *executor)
{
    size_t workers = executor->options.workers;
    return workers > executor->n_running ? workers - executor->n_running : 0;
}

/* Locked. False: it was refused, and the answer says so. */
static bool enqueue(struct executors *executors, struct function_call *call)
{
    const char *name = call->executor ? call->executor : EXECUTOR_DEFAULT;
    struct executor *executor = executors_find(executors, name);
    if (!executor || executor->is_retired) {
        function_raise(call, "LookupError", "there is no executor '%.200s'", name);
        return false;
    }
    if (executor->n_queued >= executor->options.max_queue + n_free(executor)) {
        function_raise(call, "QueueFull", "%zu calls wait for the executor '%.200s' already",
                       executor->options.max_queue, executor->name);
        return false;
    }
    bool needs_worker = executor->n_workers < executor->options.workers &&
                        executor->n_queued >= executor->n_workers - executor->n_running;
    if (needs_worker && !start_worker(executor) && executor->n_workers == 0) {
        function_raise(call, "RuntimeError", "can't start new thread");
        return false;
    }
    call->queue = executor;
    list_append(&executor->queue, &call->link);
    executor->n_queued++;
    wake_one(executor);
    return true;
}

void executors_begin(struct operation_backend *backend, struct operation *operation)
{
    struct executors *executors = (struct executors *)backend;
    struct function_call *call = (struct function_call *)operation;
    list_init(&call->link);
    executors_lock(executors);
    bool is_queued = enqueue(executors, call);
    if (!is_queued)
        call->state = CALL_OVER;
    executors_unlock(executors);
    if (!is_queued)
        operation_complete(operation);
}

void executors_give_up(struct operation_backend *backend, struct operation *operation)
{
    struct executors *executors = (struct executors *)backend;
    struct function_call *call = (struct function_call *)operation;
    bool never_starts = false;
    executors_lock(executors);
    if (call->state == CALL_QUEUED) {
        list_remove(&call->link);
        call->queue->n_queued--;
        call->state = CALL_OVER;
        never_starts = true;
    } else if (call->state == CALL_RUNNING) {
        call->is_abandoned = true;
        call->queue->n_abandoned++;
        pthread_cond_signal(&call->worker->given_up);
        if (call->worker->kind->interrupt)
            call->worker->kind->interrupt(call->worker, call);
    }
    executors_unlock(executors);
    if (never_starts)
        operation_complete(operation);
}
