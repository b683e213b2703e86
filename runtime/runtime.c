#include "runtime/runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/host_uv_guard.h"
#include "runtime/ops/op.h"
#include "runtime/recover.h"
#include "runtime/runtime_internal.h"

const struct op_table *runtime_ops(void)
{
    return &op_registry;
}

/* ---- between the threads ---- */

void runtime_post(struct runtime *runtime, struct message *message)
{
    if (mpsc_push(&runtime->inbox, &message->node))
        host_uv_wake(runtime->host);
}

static void handle_inbox(struct runtime *runtime)
{
    struct mpsc_node *node = mpsc_take_all(&runtime->inbox);
    while (node) {
        struct message *message = CONTAINER_OF(node, struct message, node);
        node = node->next;
        message->handle(&runtime->loop, message);
    }
}

void runtime_queue_request(struct runtime *runtime, struct store_request *request)
{
    chain_add(&runtime->outbox, &request->node);
}

static void flush_outbox(struct runtime *runtime)
{
    struct mpsc_node *node = chain_take_all(&runtime->outbox);
    while (node) {
        struct store_request *request = CONTAINER_OF(node, struct store_request, node);
        node = node->next;
        if (request->verb == STORE_INSERT)
            runtime_insertion_leaves(request);
        store_submit(runtime->store, request);
    }
}

/* ---- the thread ---- */

/* After so many turns the store gets what there is, even if jobs are ready to go on. */
#define TURNS_PER_ROUND 16

/* One round: what others asked for, turns, what the store is to keep. When to go on. */
static int64_t run_round(struct runtime *runtime)
{
    int64_t next_ns = 0;
    handle_inbox(runtime);
    for (int i = 0; i < TURNS_PER_ROUND && next_ns == 0; i++)
        next_ns = loop_run(&runtime->loop);
    flush_outbox(runtime);
    return next_ns;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Running leaves get until stop_at_ns; nothing more is started. */
static bool has_drained(struct runtime *runtime)
{
    struct host *host = runtime->loop.host;
    return runtime->stop_at_ns != INT64_MAX && (host_uv_count_processes(runtime->host) == 0 ||
                                                host->now_ns(host) >= runtime->stop_at_ns);
}

#define TERM_GRACE_NS 1500000000
#define KILL_GRACE_NS 500000000
#define SETTLE_NS 1000000000

/* No job gets a turn any more: what a killed process leaves undone is done again at the next start.
 */
static void end_processes(struct runtime *runtime, int signal, int64_t grace_ns)
{
    struct host *host = runtime->loop.host;
    int64_t until_ns = host->now_ns(host) + grace_ns;
    host_uv_signal_processes(runtime->host, signal);
    while (host_uv_count_processes(runtime->host) && host->now_ns(host) < until_ns)
        host_uv_wait(runtime->host, until_ns);
}

/* What does not get onto the disk in time (it may be full) runs again at the next start. */
static void settle_requests(struct runtime *runtime)
{
    struct host *host = runtime->loop.host;
    int64_t until_ns = host->now_ns(host) + SETTLE_NS;
    while (flush_outbox(runtime), runtime->n_requests > 0 && host->now_ns(host) < until_ns) {
        host_uv_wait(runtime->host, until_ns);
        handle_inbox(runtime);
    }
}

/* What is asked of a drained runtime is answered until it is closed; no job gets a turn. */
static void refuse_until_closed(struct runtime *runtime)
{
    while (!runtime->is_closing) {
        host_uv_wait(runtime->host, INT64_MAX);
        handle_inbox(runtime);
        flush_outbox(runtime);
    }
}

static void *run_loop(void *context)
{
    struct runtime *runtime = context;
    for (;;) {
        int64_t next_ns = run_round(runtime);
        if (has_drained(runtime))
            break;
        host_uv_wait(runtime->host, earlier(next_ns, runtime->stop_at_ns));
    }
    end_processes(runtime, SIGTERM, TERM_GRACE_NS);
    end_processes(runtime, SIGKILL, KILL_GRACE_NS);
    settle_requests(runtime);
    sem_post(&runtime->drained);
    refuse_until_closed(runtime);
    return NULL;
}

/* ---- the drain ---- */

static void begin_draining(struct runtime *runtime)
{
    struct loop *loop = &runtime->loop;
    runtime->is_draining = true;
    host_uv_hold_processes(runtime->host);
    for (size_t i = 0; i < loop->n_buckets; i++)
        for (struct job *job = loop->table[i]; job; job = job->next)
            if (job->is_stored)
                runtime_answer_waiters(runtime, job, NULL);
}

static void handle_drain(struct loop *loop, struct message *message)
{
    struct runtime *runtime = runtime_of(loop);
    (void)message;
    begin_draining(runtime);
    runtime->stop_at_ns = loop->host->now_ns(loop->host) + runtime->grace_ns;
}

void runtime_drain(struct runtime *runtime, int64_t grace_ms)
{
    runtime->grace_ns = grace_ms * 1000000;
    runtime->drain.handle = handle_drain;
    runtime_post(runtime, &runtime->drain);
    while (sem_wait(&runtime->drained) < 0 && errno == EINTR)
        ;
}

static void handle_close(struct loop *loop, struct message *message)
{
    (void)message;
    runtime_of(loop)->is_closing = true;
}

/* ---- life ---- */

static void release(struct runtime *runtime)
{
    loop_release(&runtime->loop);
    host_uv_close(runtime->host);
    sem_destroy(&runtime->drained);
    free(runtime);
}

int runtime_start_guard(struct error *e)
{
    int guard = guard_start();
    return guard > 0 ? guard
                     : error_set(e, ERROR_SYSTEM, "cannot start the guard of processes: %s",
                                 strerror(errno));
}

int runtime_open(struct runtime **out, struct store *store, const struct runtime_options *options,
                 struct error *e)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    if (!runtime)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    runtime->store = store;
    runtime->options = *options;
    chain_init(&runtime->outbox);
    runtime->stop_at_ns = INT64_MAX;
    sem_init(&runtime->drained, 0, 0);
    int status = host_uv_open(&runtime->host, options->guard, e);
    if (status < 0) {
        free(runtime);
        return status;
    }
    loop_init(&runtime->loop, host_uv_port(runtime->host), &runtime_events, runtime);
    runtime->loop.max_result = options->max_result_bytes;
    runtime->loop.slice = LOOP_SLICE;
    status = runtime_recover(runtime, e);
    int failure = status == 0 ? pthread_create(&runtime->thread, NULL, run_loop, runtime) : 0;
    if (failure)
        status =
            error_set(e, ERROR_SYSTEM, "cannot start the loop's thread: %s", strerror(failure));
    if (status < 0)
        release(runtime);
    else
        *out = runtime;
    return status;
}

void runtime_close(struct runtime *runtime)
{
    runtime->close.handle = handle_close;
    runtime_post(runtime, &runtime->close);
    pthread_join(runtime->thread, NULL);
    release(runtime);
}

void runtime_stats(struct runtime *runtime, struct runtime_stats *out)
{
    out->open_tasks = atomic_load_explicit(&runtime->n_open, memory_order_relaxed);
    out->submitted = atomic_load_explicit(&runtime->n_submitted, memory_order_relaxed);
    out->finished = atomic_load_explicit(&runtime->n_finished, memory_order_relaxed);
}
