/* The runtime with its threads, on a database, as the server runs it: what was acknowledged is
 * there afterwards, with the right end if it has one, and what was refused is not; whether the run
 * noticed nothing, refused some, or came to its end in order. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/reserve.h"
#include "runtime/executor/executor.h"
#include "runtime/runtime.h"
#include "runtime/services.h"
#include "schema/json.h"
#include "tests/faults/inject.h"
#include "tests/faults/run.h"
#include "tests/faults/writes.h"

#define DRAIN_MS 200
#define PATIENCE_S 15

/* What is run, and its result; NULL: it goes on until the drain. */
static const struct {
    const char *spec, *result;
} jobs[] = {
    {"{\"op\":\"value\",\"value\":1}", "1"},
    {"{\"op\":\"gather\",\"tasks\":[{\"op\":\"sleep\",\"seconds\":0.01,\"result\":1},"
     "{\"op\":\"sequence\",\"steps\":[{\"op\":\"log\",\"message\":\"a line\"},"
     "{\"op\":\"value\",\"value\":\"x\"}]}]}",
     "[1,\"x\"]"},
    {"{\"op\":\"thread\",\"function\":\"hash\",\"args\":{\"text\":\"abc\"}}",
     "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""},
    {"{\"op\":\"try\",\"body\":{\"op\":\"timeout\",\"seconds\":0.01,\"body\":{\"op\":\"sleep\","
     "\"seconds\":60}},\"except\":[{\"types\":[\"TimeoutError\"],\"body\":{\"op\":\"value\","
     "\"value\":2}}]}",
     "2"},
    {"{\"op\":\"map\",\"items\":[1,2,3],\"body\":{\"op\":\"value\",\"value\":[\"${item}\"]}}",
     "[[1],[2],[3]]"},
    {"{\"op\":\"future\",\"name\":\"f\"}", "[7]"},
    {"{\"op\":\"sleep\",\"seconds\":3600}", NULL},
    {"{\"op\":\"sleep\",\"seconds\":3601}", NULL}, /* is cancelled */
    {"{\"op\":\"subprocess\",\"argv\":[\"/bin/echo\",\"-n\",\"out\"]}", ""},
};
enum { N_JOBS = sizeof jobs / sizeof *jobs, FUTURE_JOB = 5, CANCELLED_JOB = 7 };

#define NOT_DONE INT_MIN

/* In report->notes, written by whichever thread. */
struct notes {
    char folder[60], path[80];
    int submitted[N_JOBS]; /* status */
    bool has_ended[N_JOBS];
    int cancelled, future_set, loop_opened, group_opened;
};

static struct notes *notes_of(struct report *report)
{
    _Static_assert(sizeof(struct notes) <= sizeof report->notes, "they fit");
    return (struct notes *)report->notes;
}

static struct world {
    struct report *report;
    struct services services;
    struct store *store;
    struct runtime *runtime;
} world;

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
    notes_of(world.report)->submitted[call->i] = status;
    sem_post(&call->accepted);
}

static bool is_right_end(size_t i, const struct task_record *ended)
{
    const char *wanted = jobs[i].result;
    if (i == CANCELLED_JOB)
        return ended->state == TASK_CANCELLED;
    if (!wanted || ended->state != TASK_SUCCEEDED || !ended->result)
        return false;
    return *wanted ? strcmp(ended->result, wanted) == 0
                   : strstr(ended->result, "\"stdout\":\"out\"") != NULL;
}

static void waited(struct waiter *waiter, struct task_record *ended)
{
    struct call *call = CONTAINER_OF(waiter, struct call, waiter);
    notes_of(world.report)->has_ended[call->i] = ended != NULL;
    if (ended && !is_right_end(call->i, ended))
        complain(world.report, "job %zu: %s, result %s, error %s", call->i,
                 task_state_name(ended->state), ended->result ? ended->result : "none",
                 ended->error ? ended->error : "none");
    sem_post(&call->over);
}

static struct task_record *record_of(size_t i)
{
    struct task_record *record = write_record((unsigned)i);
    free(record->spec);
    record->spec = strdup(jobs[i].spec);
    return record;
}

/* As the server's HTTP thread: what it needs for the request itself is spared here. */
static struct call *submit(size_t i)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = runtime_ops(), .timeout = TIMEOUT_NONE};
    inject_spare(true);
    struct call *call = calloc(1, sizeof *call);
    json_t *spec = json_read(jobs[i].spec, strlen(jobs[i].spec), NULL);
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
    while (notes_of(world.report)->submitted[call->i] == 0 &&
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
    notes_of(world.report)->cancelled = status;
    sem_post(&answered);
}

static void future_set(struct future_request *request, int status)
{
    (void)request;
    notes_of(world.report)->future_set = status;
    sem_post(&answered);
}

static void loop_opened(struct loop_request *request, int status)
{
    (void)request;
    notes_of(world.report)->loop_opened = status;
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
    notes_of(world.report)->group_opened = status;
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
    struct notes *notes = notes_of(world.report);
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

static void commit_failed(void *context, const char *what)
{
    (void)context, (void)what;
    _exit(EX_TEMPFAIL); /* as the server does */
}

/* What the server starts before it has threads, and before the reserve. */
static void prepare(void)
{
    struct error e;
    BUG_ON(spawner_start(&world.services.spawner, &e) < 0);
    world.services.exec = (struct exec_policy){"*"};
    world.services.functions = functions_new(&e);
    world.services.executors = executors_open(NULL, &e);
    BUG_ON(!world.services.executors);
    world.services.backends[OPERATION_CALL] = executors_backend(world.services.executors);
    sem_init(&answered, 0, 0);
}

static bool opens(const char *path, size_t n_loops)
{
    const struct runtime_options options = {.max_open_tasks = 100,
                                            .max_result_bytes = 1 << 20,
                                            .n_loops = n_loops,
                                            .services = &world.services};
    struct error e;
    int status = store_open(&world.store, path, &e);
    if (status == 0) {
        store_on_failure(world.store, commit_failed, NULL);
        status = runtime_open(&world.runtime, world.store, &options, &e);
        if (status < 0)
            store_close(world.store);
    }
    if (status != 0 && status != -ERROR_NO_MEMORY)
        complain(world.report, "cannot be opened: %s: %s", error_code_name(e.code), e.text);
    return status == 0;
}

static void closes(void)
{
    runtime_drain(world.runtime, DRAIN_MS);
    store_close(world.store);
    runtime_close(world.runtime);
}

static void release_services(void)
{
    executors_close(world.services.executors, 1000);
    functions_free(world.services.functions);
    spawner_stop(world.services.spawner);
}

/* Those that go on are ended by the drain. */
static void run_jobs(struct report *report, bool for_good)
{
    struct call *calls[N_JOBS];
    const struct notes *notes = notes_of(report);
    for (size_t i = 0; i < N_JOBS; i++)
        calls[i] = submit(i);
    ask();
    for (size_t i = 0; i < N_JOBS; i++)
        if (jobs[i].result && (i != FUTURE_JOB || notes->future_set == 0) &&
            finish(calls[i], for_good ? 2 : PATIENCE_S))
            calls[i] = NULL;
    closes();
    for (size_t i = 0; i < N_JOBS; i++)
        if (calls[i] && !finish(calls[i], PATIENCE_S))
            complain(report, "nobody tells how job %zu ended", i);
}

static void run(struct report *report, size_t nth, bool for_good)
{
    struct notes *notes = notes_of(report);
    bool met;
    world.report = report;
    strcpy(notes->folder, "/dev/shm/awaitd-faults-XXXXXX");
    BUG_ON(!mkdtemp(notes->folder));
    snprintf(notes->path, sizeof notes->path, "%.50s/a.db", notes->folder);
    for (size_t i = 0; i < N_JOBS; i++)
        notes->submitted[i] = NOT_DONE;
    notes->cancelled = notes->future_set = notes->loop_opened = notes->group_opened = NOT_DONE;
    inject(nth, for_good);
    if (opens(notes->path, 2))
        run_jobs(report, for_good);
    report->n_allocations = inject_end(&met);
    release_services();
}

/* ---- afterwards ---- */

static bool is_known(int status)
{
    return status != NOT_DONE && status != -ERROR_STORE_UNKNOWN;
}

static void check_job(struct report *report, struct store_reader *reader, size_t i)
{
    const struct notes *notes = notes_of(report);
    struct task_record *record = NULL;
    struct error e;
    struct id id = write_id((unsigned)i);
    int status = store_get(reader, &id, STORE_SPEC, &record, &e);
    if (is_known(notes->submitted[i]) && (status == 0) != (notes->submitted[i] == 0))
        complain(report, "job %zu: the submission ended with %d, the store says %d", i,
                 notes->submitted[i], status);
    if (status == 0 && strcmp(record->spec, jobs[i].spec) != 0)
        complain(report, "job %zu: its spec is %s", i, record->spec);
    if (status == 0 && notes->has_ended[i] && !task_state_is_final(record->state))
        complain(report, "job %zu had ended, and now is %s", i, task_state_name(record->state));
    if (status == 0 && task_state_is_final(record->state) && !is_right_end(i, record))
        complain(report, "job %zu: %s, result %s, error %s", i, task_state_name(record->state),
                 record->result ? record->result : "none", record->error ? record->error : "none");
    if (status == 0 && i == CANCELLED_JOB && notes->cancelled == 0 &&
        record->cancel_requested_at_us == 0)
        complain(report, "the cancellation is lost");
    task_record_unref(record);
}

static void check_document(struct report *report, struct store_reader *reader, const char *kind,
                           const char *name, int asked)
{
    struct document *document = NULL;
    struct error e;
    int status = store_get_document(reader, kind, name, &document, &e);
    if (is_known(asked) && (status == 0) != (asked == 0))
        complain(report, "the %s: its opening ended with %d, the store says %d", kind, asked,
                 status);
    document_free(document);
}

static void check_store(struct report *report)
{
    const struct notes *notes = notes_of(report);
    struct store *store;
    struct store_reader *reader;
    struct error e;
    char group[ID_TEXT_SIZE];
    struct id id = write_id(900);
    if (store_open(&store, notes->path, &e) != 0 || store_reader_open(&reader, store, &e) != 0) {
        complain(report, "afterwards: %s", e.text);
        return;
    }
    for (size_t i = 0; i < N_JOBS; i++)
        check_job(report, reader, i);
    id_format(&id, group);
    check_document(report, reader, "loop", "other", notes->loop_opened);
    check_document(report, reader, "group", group, notes->group_opened);
    store_reader_close(reader);
    store_close(store);
}

/* The next start: what is there, and that it goes on. */
static void verify(struct report *report)
{
    const struct notes *notes = notes_of(report);
    char command[80];
    check_store(report);
    prepare();
    world.report = report;
    if (opens(notes->path, 2))
        closes();
    else
        complain(report, "does not start any more");
    release_services();
    snprintf(command, sizeof command, "rm -rf %.50s", notes->folder);
    if (system(command) != 0)
        complain(report, "its folder stays");
}

static const struct scenario scenario = {.name = "runtime",
                                         .with_reserve = true,
                                         .may_stop = true,
                                         .prepare = prepare,
                                         .run = run,
                                         .verify = verify};

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
