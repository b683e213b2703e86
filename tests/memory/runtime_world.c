#include "tests/memory/runtime_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/executor/executor.h"
#include "tests/memory/writes.h"

#define DRAIN_MS 200

const struct world_job world_jobs[N_JOBS] = {
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
struct world world;

struct notes *world_notes(struct report *report)
{
    _Static_assert(sizeof(struct notes) <= sizeof report->notes, "they fit");
    return (struct notes *)report->notes;
}

/* ---- life ---- */

static void commit_failed(void *context, const char *what)
{
    (void)context, (void)what;
    _exit(EX_TEMPFAIL); /* as the server does */
}

void world_prepare(void)
{
    struct error e;
    BUG_ON(spawner_start(&world.services.spawner, &e) < 0);
    world.services.exec = (struct exec_policy){"*"};
    world.services.functions = functions_new(&e);
    world.services.executors = executors_open(NULL, &e);
    BUG_ON(!world.services.executors);
    world.services.backends[OPERATION_CALL] = executors_backend(world.services.executors);
}

bool world_opens(const char *path, size_t n_loops)
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

void world_closes(void)
{
    runtime_drain(world.runtime, DRAIN_MS);
    store_close(world.store);
    runtime_close(world.runtime);
}

void world_release(void)
{
    executors_close(world.services.executors, 1000);
    functions_free(world.services.functions);
    spawner_stop(world.services.spawner);
}

bool world_is_right_end(size_t i, const struct task_record *ended)
{
    const char *wanted = world_jobs[i].result;
    if (i == CANCELLED_JOB)
        return ended->state == TASK_CANCELLED;
    if (!wanted || ended->state != TASK_SUCCEEDED || !ended->result)
        return false;
    return *wanted ? strcmp(ended->result, wanted) == 0
                   : strstr(ended->result, "\"stdout\":\"out\"") != NULL;
}

/* ---- afterwards ---- */

static bool is_known(int status)
{
    return status != NOT_DONE && status != -ERROR_STORE_UNKNOWN;
}

static void check_job(struct report *report, struct store_reader *reader, size_t i)
{
    const struct notes *notes = world_notes(report);
    struct task_record *record = NULL;
    struct error e;
    struct id id = write_id((unsigned)i);
    int status = store_get(reader, &id, STORE_SPEC, &record, &e);
    if (is_known(notes->submitted[i]) && (status == 0) != (notes->submitted[i] == 0))
        complain(report, "job %zu: the submission ended with %d, the store says %d", i,
                 notes->submitted[i], status);
    if (status == 0 && strcmp(record->spec, world_jobs[i].spec) != 0)
        complain(report, "job %zu: its spec is %s", i, record->spec);
    if (status == 0 && notes->has_ended[i] && !task_state_is_final(record->state))
        complain(report, "job %zu had ended, and now is %s", i, task_state_name(record->state));
    if (status == 0 && task_state_is_final(record->state) && !world_is_right_end(i, record))
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
    const struct notes *notes = world_notes(report);
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

void world_verify(struct report *report)
{
    const struct notes *notes = world_notes(report);
    char command[80];
    check_store(report);
    world_prepare();
    world.report = report;
    if (world_opens(notes->path, 2))
        world_closes();
    else
        complain(report, "does not start any more");
    world_release();
    snprintf(command, sizeof command, "rm -rf %.50s", notes->folder);
    if (system(command) != 0)
        complain(report, "its folder stays");
}
