/* The runs of the server on its database: how this one begins, in safe mode if too many before it
 * crashed; how safe mode is left; and that the run ended in order. */
#include "runtime/runs.h"

#include <errno.h>
#include <limits.h>

#include "runtime/base/log.h"
#include "runtime/recover.h"

/* Crashes within this time before a start are of one crash loop. */
#define CRASH_LOOP_US INT64_C(60000000)

/* ---- requests that are waited for ---- */

struct awaited {
    struct store_request request;
    sem_t done;
    int status;
};

/* [writer] */
static void note_done(struct store_request *request, int status)
{
    struct awaited *awaited = CONTAINER_OF(request, struct awaited, request);
    awaited->status = status;
    sem_post(&awaited->done);
}

static int carry_out(struct store *store, enum store_verb verb, struct store_run *run)
{
    struct awaited awaited = {.request = {.verb = verb, .run = run, .done = note_done}};
    sem_init(&awaited.done, 0, 0);
    store_submit(store, &awaited.request);
    while (sem_wait(&awaited.done) < 0 && errno == EINTR)
        ;
    sem_destroy(&awaited.done);
    return awaited.status;
}

/* ---- the beginning ---- */

static bool is_crash_loop(const struct runtime *runtime)
{
    return runtime->run.n_crashes > runtime->run.crash_loop;
}

static void enter_safe_mode(struct runtime *runtime)
{
    runtime->safe_mode = SAFE_MODE_ON;
    atomic_store(&runtime->n_open, runtime->run.n_open); /* nobody counts them one by one */
    log_line(LOG_ERROR,
             "SAFE MODE: %u starts within a minute came after a crash, more than --crash-loop %u: "
             "no job runs, and %zu that had not ended wait. The API is up: find and cancel what is "
             "to blame, then POST /v1/resume",
             runtime->run.n_crashes, runtime->options.crash_loop, runtime->run.n_open);
}

int runs_begin(struct runtime *runtime, struct error *e)
{
    struct host *host = runtime->main->loop.host;
    unsigned most = runtime->options.crash_loop;
    runtime->run = (struct store_run){.now_us = host->wall_us(host),
                                      .window_us = CRASH_LOOP_US,
                                      .crash_loop = most ? most : UINT_MAX};
    int status = carry_out(runtime->store, STORE_BEGIN_RUN, &runtime->run);
    if (status == 0 && is_crash_loop(runtime))
        enter_safe_mode(runtime);
    else if (status == 0) {
        if (runtime->run.follows_crash)
            log_line(LOG_WARNING, "the last run of the server did not end in order");
        status = carry_out(runtime->store, STORE_BEGIN_JOBS, NULL);
    }
    return status == 0 ? 0
                       : error_set(e, (enum error_code) - status,
                                   "the start cannot be noted in the database: %s",
                                   error_code_name((enum error_code) - status));
}

void runs_end(struct runtime *runtime)
{
    int status = carry_out(runtime->store, STORE_END_RUN, NULL);
    if (status != 0)
        log_line(LOG_WARNING,
                 "that the server ended in order cannot be noted (%s): the next start takes it for "
                 "a crash",
                 error_code_name((enum error_code) - status));
}

/* ---- safe mode ---- */

enum safe_mode runtime_safe_mode(const struct runtime *runtime)
{
    return atomic_load(&runtime->safe_mode);
}

const struct store_run *runtime_run(const struct runtime *runtime)
{
    return &runtime->run;
}

void runs_drop_loops(struct runtime *runtime)
{
    while (runtime->n_threads > 1)
        loop_thread_free(runtime->threads[--runtime->n_threads]);
}

/* As runtime_open does it, but that the router runs already. */
static int let_jobs_run(struct runtime *runtime)
{
    struct error e = {0};
    atomic_store(&runtime->n_open, 0);
    int status = runtime_recover(runtime, &e);
    if (status == 0)
        status = groups_recover(runtime, &e);
    for (size_t i = 1; status == 0 && i < runtime->n_threads; i++)
        status = loop_thread_start(runtime->threads[i], &e);
    if (status < 0)
        log_line(LOG_ERROR, "safe mode cannot be left: %s", e.text);
    return status;
}

/* What waited for the end of safe mode. */
static void answer_held(struct runtime *runtime)
{
    struct mpsc_node *node = chain_take_all(&runtime->held);
    while (node) {
        struct message *message = CONTAINER_OF(node, struct message, node);
        node = node->next;
        message->handle(&runtime->main->loop, message);
    }
}

static int leave_safe_mode(struct runtime *runtime, int status)
{
    if (status < 0 || runtime->main->is_draining) { /* all is as before */
        runtime->safe_mode = SAFE_MODE_ON;
        return status < 0 ? status : -ERROR_DRAINING;
    }
    if (let_jobs_run(runtime) < 0)
        return -ERROR_SYSTEM;
    runtime->safe_mode = SAFE_MODE_OFF;
    log_line(LOG_INFO, "safe mode was left: jobs run");
    return 0;
}

static void handle_noted(struct loop *loop, struct message *message)
{
    struct resume_request *asked = CONTAINER_OF(message, struct resume_request, message);
    struct runtime *runtime = asked->runtime;
    (void)loop;
    runtime->main->n_requests--;
    int status = leave_safe_mode(runtime, asked->status);
    asked->n_open = atomic_load(&runtime->n_open);
    answer_held(runtime);
    asked->done(asked, status);
}

/* [writer] */
static void jobs_noted(struct store_request *request, int status)
{
    struct resume_request *asked = CONTAINER_OF(request, struct resume_request, request);
    asked->status = status;
    asked->message.handle = handle_noted;
    loop_thread_post(asked->runtime->main, &asked->message);
}

/* All cancellations that were accepted are on disk before it: the store keeps the order. */
static void route_resumption(struct loop *loop, struct message *message)
{
    struct resume_request *asked = CONTAINER_OF(message, struct resume_request, message);
    struct loop_thread *main = loop_thread_of(loop);
    struct runtime *runtime = main->runtime;
    if (main->is_draining || runtime->safe_mode != SAFE_MODE_ON) {
        asked->done(asked, main->is_draining ? -ERROR_DRAINING : -ERROR_CONFLICT);
        return;
    }
    runtime->safe_mode = SAFE_MODE_ENDING;
    asked->runtime = runtime;
    asked->request = (struct store_request){.verb = STORE_BEGIN_JOBS, .done = jobs_noted};
    main->n_requests++;
    loop_thread_queue_request(main, &asked->request);
}

void runtime_resume(struct runtime *runtime, struct resume_request *asked)
{
    runtime_ask(runtime, &asked->message, route_resumption);
}
