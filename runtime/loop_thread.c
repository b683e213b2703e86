#include "runtime/loop_thread.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime_internal.h"
#include "runtime/services.h"
#include "schema/allocate.h"

/* Callbacks and timers in one go, some milliseconds at most, before other jobs and messages get
 * theirs. */
#define LOOP_SLICE 10000

/* A round is seldom longer; so a deadline hardly ever has to be noted. */
#define SLACK_NS 10000000

/* ---- between the threads ---- */

void loop_thread_post(struct loop_thread *thread, struct message *message)
{
    if (mpsc_push(&thread->inbox, &message->node))
        host_uv_wake(thread->host);
}

static void handle_inbox(struct loop_thread *thread)
{
    struct mpsc_node *node = mpsc_take_all(&thread->inbox);
    while (node) {
        struct message *message = CONTAINER_OF(node, struct message, node);
        node = node->next;
        message->handle(&thread->loop, message);
    }
}

/* ---- the drain ---- */

static void begin_draining(struct loop_thread *thread)
{
    struct loop *loop = &thread->loop;
    thread->is_draining = true;
    loop_thread_drop_feeds(thread);
    host_uv_hold(thread->host);
    for (size_t i = 0; i < loop->n_buckets; i++)
        for (struct job *job = loop->table[i]; job; job = job->next) {
            loop_thread_tell_followers(job, false);
            if (job->is_stored)
                loop_thread_answer_waiters(thread, job, NULL);
        }
}

void loop_thread_handle_drain(struct loop *loop, struct message *message)
{
    struct loop_thread *thread = loop_thread_of(loop);
    (void)message;
    begin_draining(thread);
    thread->stop_at_ns = loop->host->now_ns(loop->host) + thread->runtime->grace_ns;
}

void loop_thread_handle_close(struct loop *loop, struct message *message)
{
    struct loop_thread *thread = loop_thread_of(loop);
    (void)message;
    thread->is_closing = true;
    thread->stop_at_ns = loop->host->now_ns(loop->host);
}

/* Running leaves get until stop_at_ns; nothing more is started. */
static bool has_drained(struct loop_thread *thread)
{
    struct host *host = thread->loop.host;
    return thread->stop_at_ns != INT64_MAX &&
           (host_uv_count_leaves(thread->host) == 0 || host->now_ns(host) >= thread->stop_at_ns);
}

#define TERM_GRACE_NS 1500000000
#define KILL_GRACE_NS 500000000
#define SETTLE_NS 1000000000

/* No job gets a turn any more: what a killed process leaves undone is done again at the next start.
 */
static void end_processes(struct loop_thread *thread, int signal, int64_t grace_ns)
{
    struct host *host = thread->loop.host;
    int64_t until_ns = host->now_ns(host) + grace_ns;
    host_uv_signal_processes(thread->host, signal);
    while (host_uv_count_processes(thread->host) && host->now_ns(host) < until_ns)
        host_uv_wait(thread->host, until_ns);
}

/* What does not get onto the disk in time (it may be full) is done again at the next start. */
static void settle_requests(struct loop_thread *thread)
{
    struct host *host = thread->loop.host;
    int64_t until_ns = host->now_ns(host) + SETTLE_NS;
    while (loop_thread_flush(thread), thread->n_requests > 0 && host->now_ns(host) < until_ns) {
        host_uv_wait(thread->host, until_ns);
        handle_inbox(thread);
    }
}

static void tell_drained(struct runtime *runtime)
{
    if (atomic_fetch_sub(&runtime->n_undrained, 1) == 1)
        sem_post(&runtime->drained);
}

/* ---- the thread ---- */

/* After so many turns, or so long, the store gets what there is, even if jobs are ready to go on.
 */
#define TURNS_PER_ROUND 16
#define ROUND_NS 10000000

/* One round: what others asked for, turns, what the store is to keep. When to go on. */
static int64_t run_round(struct loop_thread *thread)
{
    struct host *host = thread->loop.host;
    int64_t next_ns = 0, until_ns = host->now_ns(host) + ROUND_NS;
    handle_inbox(thread);
    for (int i = 0; i < TURNS_PER_ROUND && next_ns == 0; i++) {
        next_ns = loop_run(&thread->loop);
        if (loop_thread_begin_due(thread))
            next_ns = 0;
        if (host->now_ns(host) >= until_ns)
            break;
    }
    loop_thread_flush(thread);
    return next_ns;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The router is the last one to go. And what a job left behind should be gone when a loop is
 * closed, as the router is the one who tidies up after it. */
static bool may_end(const struct loop_thread *thread)
{
    const struct runtime *runtime = thread->runtime;
    if (thread == runtime->main)
        return thread->is_closing && runtime->n_threads == 1;
    return thread->is_closing && (thread->is_draining || host_uv_count_leaves(thread->host) == 0);
}

/* What is asked of a drained loop is answered until it is closed; no job gets a turn. */
static void refuse_until_closed(struct loop_thread *thread)
{
    while (!may_end(thread)) {
        host_uv_wait(thread->host, INT64_MAX);
        handle_inbox(thread);
        loop_thread_flush(thread);
    }
}

static void *run_thread(void *context)
{
    struct loop_thread *thread = context;
    for (;;) {
        int64_t next_ns = run_round(thread);
        if (has_drained(thread))
            break;
        host_uv_wait(thread->host, earlier(next_ns, thread->stop_at_ns));
    }
    thread->loop.journals.is_on = false; /* how they end now is no end that their jobs know of */
    end_processes(thread, SIGTERM, TERM_GRACE_NS);
    end_processes(thread, SIGKILL, KILL_GRACE_NS);
    settle_requests(thread);
    tell_drained(thread->runtime);
    refuse_until_closed(thread);
    if (thread != thread->runtime->main)
        loop_thread_post(thread->runtime->main, &thread->ended);
    return NULL;
}

int loop_thread_start(struct loop_thread *thread, struct error *e)
{
    char name[16];
    atomic_fetch_add(&thread->runtime->n_undrained, 1);
    int failure = pthread_create(&thread->thread, NULL, run_thread, thread);
    if (failure) {
        atomic_fetch_sub(&thread->runtime->n_undrained, 1);
        return error_set(e, ERROR_SYSTEM, "cannot start a loop's thread: %s", strerror(failure));
    }
    snprintf(name, sizeof name, "awaitd-%.8s", thread->name);
    pthread_setname_np(thread->thread, name);
    return 0;
}

/* ---- life ---- */

int loop_thread_new(struct loop_thread **out, struct runtime *runtime, const char *name,
                    struct error *e)
{
    const struct runtime_options *options = &runtime->options;
    struct loop_thread *thread = allocate_zeroed(1, sizeof *thread);
    if (!thread || !(thread->name = allocate_text(name))) {
        free(thread);
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    }
    int status = host_uv_open(&thread->host, options->services, e);
    if (status < 0) {
        free(thread->name);
        free(thread);
        return status;
    }
    thread->runtime = runtime;
    thread->state = LOOP_OPEN;
    thread->stop_at_ns = INT64_MAX;
    thread->drain.handle = loop_thread_handle_drain;
    thread->close.handle = loop_thread_handle_close;
    chain_init(&thread->outbox);
    list_init(&thread->feeds);
    list_init(&thread->due);
    loop_init(&thread->loop, host_uv_port(thread->host), &loop_thread_events, thread);
    thread->loop.max_result = options->max_result_bytes;
    thread->loop.slow_callback_ns = options->slow_callback_ns;
    thread->loop.slice = LOOP_SLICE;
    thread->loop.journals.is_on = store_is_lasting(runtime->store);
    thread->loop.journals.slack_ns = SLACK_NS;
    thread->loop.journals.marks_calls = options->quarantine > 0;
    thread->loop.services = options->services;
    thread->loop.timeline_us = runtime->timeline.offset_us;
    if (runtime->main)
        thread->loop.semaphore_port = &semaphore_tickets;
    *out = thread;
    return 0;
}

/* What nobody awaited in jobs that are given up is no news: they go on at the next start. */
static const struct loop_events no_events = {0};

void loop_thread_free(struct loop_thread *thread)
{
    if (!thread)
        return;
    thread->loop.events = &no_events;
    handle_inbox(thread); /* what was answered too late */
    loop_thread_send_parcels(thread);
    loop_release(&thread->loop);
    host_uv_close(thread->host);
    free(thread->parcels);
    free(thread->handler);
    free(thread->shown_handler);
    free(thread->name);
    free(thread);
}
