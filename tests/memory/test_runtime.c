/* The runtime with its threads, on a database, as the server runs it: what was acknowledged is
 * there afterwards, with the right end if it has one, and what was refused is not; whether the run
 * noticed nothing, refused some, or came to its end in order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/runtime.h"
#include "runtime/services.h"
#include "schema/json.h"
#include "tests/memory/inject.h"
#include "tests/memory/run.h"
#include "tests/memory/runtime_world.h"
#include "tests/memory/writes.h"

#define PATIENCE_S 15

/* ---- a job's submission, and the wait for its end ---- */

struct call {
    struct submission submission;
    struct waiter waiter;
    sem_t accepted, over;
    size_t i;
};

static void submitted(struct submission *submission, int status)
{
    struct call *call = CONTAINER_OF(submission, struct call, submission);
    world_notes(world.report)->submitted[call->i] = status;
    sem_post(&call->accepted);
}

static void waited(struct waiter *waiter, struct task_record *ended)
{
    struct call *call = CONTAINER_OF(waiter, struct call, waiter);
    world_notes(world.report)->has_ended[call->i] = ended != NULL;
    if (ended && !world_is_right_end(call->i, ended))
        complain(world.report, "job %zu: %s, result %s, error %s", call->i,
                 task_state_name(ended->state), ended->result ? ended->result : "none",
                 ended->error ? ended->error : "none");
    sem_post(&call->over);
}

static struct task_record *record_of(size_t i)
{
    struct task_record *record = write_record((unsigned)i);
    free(record->spec);
    record->spec = strdup(world_jobs[i].spec);
    return record;
}

/* As the server's HTTP thread: what it needs for the request itself is spared here. */
static struct call *submit(size_t i)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = runtime_ops(), .timeout = TIMEOUT_NONE};
    inject_spare(true);
    struct call *call = calloc(1, sizeof *call);
    json_t *spec = json_read(world_jobs[i].spec, strlen(world_jobs[i].spec), NULL);
    call->i = i;
    call->submission = (struct submission){.record = record_of(i),
                                           .plan = plan_compile(spec, &options, &errors),
                                           .waiter = &call->waiter,
                                           .done = submitted};
    call->waiter = (struct waiter){.done = waited, .wait_ns = INT64_C(3600000000000)};
    json_decref(spec);
    BUG_ON(!call->submission.plan);
    sem_init(&call->accepted, 0, 0);
    sem_init(&call->over, 0, 0);
    inject_spare(false);
    runtime_submit(world.runtime, &call->submission);
    while (sem_wait(&call->accepted) != 0)
        ;
    return call;
}

/* False: not yet. Without memory for SQLite a result waits until there is some. */
static bool finish(struct call *call, time_t patience_s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += patience_s;
    while (world_notes(world.report)->submitted[call->i] == 0 &&
           sem_clockwait(&call->over, CLOCK_MONOTONIC, &until) != 0)
        if (errno == ETIMEDOUT)
            return false;
    sem_destroy(&call->accepted);
    sem_destroy(&call->over);
    free(call);
    return true;
}

/* ---- what is asked besides ---- */

static sem_t answered;

static int wait_for(int *status)
{
    while (sem_wait(&answered) != 0)
        ;
    return *status;
}

static void cancelled(struct cancellation *c, int status)
{
    (void)c;
    world_notes(world.report)->cancelled = status;
    sem_post(&answered);
}

static void future_set(struct future_request *request, int status)
{
    (void)request;
    world_notes(world.report)->future_set = status;
    sem_post(&answered);
}

static void loop_opened(struct loop_request *request, int status)
{
    (void)request;
    world_notes(world.report)->loop_opened = status;
    sem_post(&answered);
}

static void loops_listed(struct loop_list *list, int status)
{
    if (status == 0)
        free(list->loops);
    sem_post(&answered);
}

static void group_opened(struct group_request *request, int status)
{
    (void)request;
    world_notes(world.report)->group_opened = status;
    sem_post(&answered);
}

static void looked(struct look *look, int status)
{
    if (status == 0) {
        plan_unref(look->plan);
        buffer_release(&look->trace);
        buffer_release(&look->tasks);
        buffer_release(&look->futures);
    }
    sem_post(&answered);
}

static void ask(void)
{
    struct notes *notes = world_notes(world.report);
    struct group_record record = {.id = write_id(900), .facts.created_at_us = 5};
    int done = 0;
    inject_spare(true);
    record.name = strdup("group");
    inject_spare(false);
    struct loop_request loop = {.name = "other", .handler = "http://127.0.0.1:1/", loop_opened};
    struct loop_list list = {.done = loops_listed};
    struct group_request group = {.id = record.id, .record = &record, .done = group_opened};
    struct look look = {.id = write_id(1), .done = looked};
    struct cancellation c = {.id = write_id(CANCELLED_JOB), .text = "why", .done = cancelled};
    struct future_request future = {
        .record = {.task = write_id(FUTURE_JOB), .name = "f", .result = "[7]"}, .done = future_set};
    runtime_open_loop(world.runtime, &loop);
    wait_for(&notes->loop_opened);
    runtime_list_loops(world.runtime, &list);
    wait_for(&done);
    runtime_open_group(world.runtime, &group);
    if (wait_for(&notes->group_opened) == 0) {
        runtime_close_group(world.runtime, &group);
        wait_for(&notes->group_opened);
        notes->group_opened = 0;
    }
    group_record_release(&record);
    runtime_look(world.runtime, &look);
    wait_for(&done);
    runtime_cancel(world.runtime, &c);
    wait_for(&notes->cancelled);
    runtime_ask_future(world.runtime, &future);
    wait_for(&notes->future_set);
}

/* ---- the run ---- */

/* Those that go on are ended by the drain. */
static void run_jobs(struct report *report, bool for_good)
{
    struct call *calls[N_JOBS];
    const struct notes *notes = world_notes(report);
    for (size_t i = 0; i < N_JOBS; i++)
        calls[i] = submit(i);
    ask();
    for (size_t i = 0; i < N_JOBS; i++)
        if (world_jobs[i].result && (i != FUTURE_JOB || notes->future_set == 0) &&
            finish(calls[i], for_good ? 2 : PATIENCE_S))
            calls[i] = NULL;
    world_closes();
    for (size_t i = 0; i < N_JOBS; i++)
        if (calls[i] && !finish(calls[i], PATIENCE_S))
            complain(report, "nobody tells how job %zu ended", i);
}

static void run(struct report *report, size_t nth, bool for_good)
{
    struct notes *notes = world_notes(report);
    bool met;
    world.report = report;
    sem_init(&answered, 0, 0);
    strcpy(notes->folder, "/dev/shm/awaitd-memory-XXXXXX");
    BUG_ON(!mkdtemp(notes->folder));
    snprintf(notes->path, sizeof notes->path, "%.50s/a.db", notes->folder);
    for (size_t i = 0; i < N_JOBS; i++)
        notes->submitted[i] = NOT_DONE;
    notes->cancelled = notes->future_set = notes->loop_opened = notes->group_opened = NOT_DONE;
    inject(nth, for_good);
    if (world_opens(notes->path, 2))
        run_jobs(report, for_good);
    report->n_allocations = inject_end(&met);
    world_release();
}

static const struct scenario scenario = {.name = "runtime",
                                         .with_reserve = true,
                                         .may_stop = true,
                                         .prepare = world_prepare,
                                         .run = run,
                                         .verify = world_verify};

static void test_once(void)
{
    scenario_run(&scenario, false);
}

static void test_for_good(void)
{
    scenario_run(&scenario, true);
}

CU_TestInfo tests_of_runtime[] = {
    {"once", test_once},
    {"for good", test_for_good},
    CU_TEST_INFO_NULL,
};
