/* The store, from its opening to its closing: each request is carried out or refused as it says,
 * and the next start, when there is memory again, finds exactly that. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/memory/inject.h"
#include "tests/memory/run.h"
#include "tests/memory/store_steps.h"

#define NOT_DONE INT_MIN

/* In report->notes. */
struct notes {
    char folder[64], path[100];
    int status[N_STEPS];
    bool is_open;
};

static struct store *store;
static struct store_reader *reader;

static struct notes *notes_of(struct report *report)
{
    _Static_assert(sizeof(struct notes) <= sizeof report->notes, "they fit");
    return (struct notes *)report->notes;
}

/* ---- is it as it was told? ---- */

static bool is_done(const struct notes *notes, enum step step)
{
    return notes->status[step] == 0;
}

/* Its outcome is unknown: then both are right. */
static bool is_open_question(const struct notes *notes, enum step step)
{
    return notes->status[step] == -ERROR_STORE_UNKNOWN || notes->status[step] == NOT_DONE;
}

static void expect(struct report *report, enum step step, bool is_there, const char *what)
{
    const struct notes *notes = notes_of(report);
    if (!is_open_question(notes, step) && is_there != is_done(notes, step))
        complain(report, "%s, though its request ended with %d", what, notes->status[step]);
}

static bool has(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

static void check_first(struct report *report, const struct task_record *task)
{
    expect(report, INSERT_1, task != NULL, task ? "task 1 is there" : "task 1 is not there");
    if (!task)
        return;
    if (!has(task->name, "name") || !has(task->labels, "{\"a\":\"b\"}") || !task->has_group ||
        !has(task->loop, "other") || !has(task->spec, "{\"op\":\"value\",\"value\":1}"))
        complain(report, "task 1 is not what it was");
    expect(report, CANCEL_1, has(task->cancel_message, "why"), "the cancellation of task 1 is off");
    expect(report, RESCHEDULE_1, task->deadline_at_us == 77, "the deadline of task 1 is off");
}

static void check_third(struct report *report, const struct task_record *task)
{
    const struct notes *notes = notes_of(report);
    expect(report, INSERT_3_LONG, task != NULL, task ? "task 3 is there" : "task 3 is not there");
    if (!task)
        return;
    if (!task->spec || strlen(task->spec) != LONG + 2)
        complain(report, "task 3 is not what it was");
    expect(report, FINISH_3, task->state == TASK_SUCCEEDED, "the end of task 3 is off");
    if (is_done(notes, FINISH_3) &&
        (!task->result || strlen(task->result) != LONG + 2 || task->trace_size != LONG))
        complain(report, "the result of task 3 is not what it was");
}

static void count_line(void *context, const struct log_entry *entry)
{
    *(int *)context += has(entry->message, "a line") && has(entry->level, "info") &&
                       has(entry->stream, "log") && has(entry->path, "/do/0");
}

static void count_row(void *context, const struct journal_row *row)
{
    *(int *)context += row->n == 1 && row->size == 6 && memcmp(row->entries, "events", 6) == 0;
}

static void count_future(void *context, const struct future_record *future)
{
    unsigned *found = context;
    if (has(future->name, "f") && has(future->result, "[1]") && !future->type)
        *found |= 1;
    else if (has(future->name, "g") && has(future->type, "ValueError") &&
             has(future->message, "ValueError") && !future->result)
        *found |= 2;
    else
        *found |= 4;
}

/* What a reader answers; NO_MEMORY is an answer as long as memory may be missing. */
static bool is_answered(struct report *report, int status, const char *what)
{
    if (status == 0)
        return true;
    if (status != -ERROR_NOT_FOUND && status != -ERROR_NO_MEMORY)
        complain(report, "%s ended with %s", what, error_code_name((enum error_code) - status));
    return false;
}

static struct task_record *get(struct report *report, unsigned n, bool *is_answer)
{
    struct task_record *record = NULL;
    struct error e = {0};
    struct id id = write_id(n);
    int status = store_get(reader, &id, STORE_SPEC | STORE_TRACE, &record, &e);
    *is_answer = status == 0 || status == -ERROR_NOT_FOUND;
    return is_answered(report, status, "store_get") ? record : NULL;
}

static void check_tasks(struct report *report)
{
    bool is_answer;
    struct task_record *task = get(report, 1, &is_answer);
    if (is_answer)
        check_first(report, task);
    task_record_unref(task);
    task = get(report, 2, &is_answer);
    if (is_answer && is_done(notes_of(report), INSERT_2_ENDED))
        expect(report, is_done(notes_of(report), FORGET_2) ? FORGET_2 : DELETE_2, !task,
               "the deletion of task 2 is off");
    task_record_unref(task);
    task = get(report, 3, &is_answer);
    if (is_answer)
        check_third(report, task);
    task_record_unref(task);
    task = get(report, 4, &is_answer);
    if (is_answer)
        expect(report, INSERT_4_KEY, task != NULL, "task 4 is off");
    task_record_unref(task);
}

static void check_lists(struct report *report)
{
    struct task_record *records[10];
    struct error e = {0};
    size_t n = 0;
    struct id group = write_id(100);
    const struct store_filter filters[] = {
        {.state = -1, .limit = 10},
        {.state = TASK_SUCCEEDED, .name = "name", .limit = 10},
        {.state = -1, .label_key = "a", .label_value = "b", .limit = 10}};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (is_answered(report, store_list(reader, &filters[i], records, &n, &e), "a list"))
            while (n > 0)
                task_record_unref(records[--n]);
    }
    if (is_answered(report, store_read_open(reader, NULL, 10, records, &n, &e), "store_read_open"))
        while (n > 0)
            task_record_unref(records[--n]);
    for (int with = 0; with < 2; with++)
        if (is_answered(report, store_read_group(reader, &group, NULL, with, 10, records, &n, &e),
                        "store_read_group"))
            while (n > 0)
                task_record_unref(records[--n]);
}

static void hear(void *context, int status, const char *what)
{
    is_answered(context, status, what);
}

static void check_rest(struct report *report)
{
    const struct notes *notes = notes_of(report);
    struct error e = {0};
    struct id id = write_id(1);
    int n_lines = 0, n_rows = 0;
    unsigned found = 0;
    struct document *document = NULL;
    if (is_answered(report, store_read_log(reader, &id, 0, 10, count_line, &n_lines, &e),
                    "store_read_log"))
        expect(report, LOG_1, n_lines == 1, "the line is off");
    if (store_is_lasting(store) &&
        is_answered(report, store_read_journal(reader, &id, count_row, &n_rows, &e),
                    "store_read_journal"))
        expect(report, is_done(notes, INSERT_1) ? JOURNAL_1 : INSERT_1, n_rows == 1,
               "the journal is off");
    if (is_answered(report, store_read_futures(reader, &id, count_future, &found, &e),
                    "store_read_futures")) {
        expect(report, SET_FUTURE_1_ERROR, found & 2, "the future's error is off");
        if (is_done(notes, SET_FUTURE_1))
            expect(report, DROP_FUTURE_1, !(found & 1), "the dropped future is off");
        if (found & 4)
            complain(report, "a future is not what it was");
    }
    int status = store_get_document(reader, "kind", "a", &document, &e);
    if (is_answered(report, status, "store_get_document"))
        expect(report, PUT_AGAIN, has(document->body, "{\"n\":2}"), "the document is off");
    else if (status == -ERROR_NOT_FOUND)
        expect(report, PUT_AGAIN, false, "the document is not there");
    document_free(document);
    size_t n = 0;
    struct document *documents[3];
    if (is_answered(report, store_list_documents(reader, "kind", NULL, 3, documents, &n, &e),
                    "store_list_documents"))
        while (n > 0)
            document_free(documents[--n]);
    store_read_rest(reader, hear, report);
}

/* ---- the run ---- */

static void prepare(struct report *report)
{
    struct notes *notes = notes_of(report);
    strcpy(notes->folder, "/dev/shm/awaitd-memory-XXXXXX");
    if (!mkdtemp(notes->folder))
        complain(report, "no folder");
    snprintf(notes->path, sizeof notes->path, "%.60s/a.db", notes->folder);
    for (int i = 0; i < N_STEPS; i++)
        notes->status[i] = NOT_DONE;
}

static bool opens(struct report *report, const char *path)
{
    struct error e = {0};
    int status = store_open(&store, path, &e);
    if (status == 0 && (status = store_reader_open(&reader, store, &e)) != 0)
        store_close(store);
    if (status != 0 && status != -ERROR_NO_MEMORY)
        complain(report, "cannot be opened: %s: %s", error_code_name(e.code), e.text);
    return status == 0;
}

static void run_steps(struct report *report, struct write **writes)
{
    for (int i = 0; i < N_STEPS; i++) {
        inject_spare(true);
        writes[i] = store_step((enum step)i);
        inject_spare(false);
        store_submit(store, &writes[i]->request);
        if (store_step_may_wait((enum step)i))
            continue;
        notes_of(report)->status[i] = write_wait(writes[i]);
        writes[i] = NULL;
    }
    check_tasks(report);
    check_lists(report);
    check_rest(report);
}

static void collect(struct report *report, struct write **writes)
{
    for (int i = 0; i < N_STEPS; i++)
        if (writes[i]) {
            notes_of(report)->status[i] = write_wait(writes[i]);
            writes[i] = NULL;
        }
}

/* One time in three memory comes back before the store is closed, and what waited is written; and
 * one time the process is killed before that. */
static void run_on(struct report *report, const char *path, size_t nth, bool for_good)
{
    struct write *writes[N_STEPS] = {NULL};
    bool met, comes_back = nth % 3 == 0, is_killed = nth % 3 == 1;
    inject(nth, for_good);
    bool is_open = opens(report, path);
    if (is_open)
        run_steps(report, writes);
    if (is_open && comes_back) {
        report->n_allocations = inject_end(&met);
        collect(report, writes);
    }
    if (is_open && is_killed) {
        notes_of(report)->is_open = true;
        report->n_allocations = inject_end(&met);
        _exit(EXIT_SUCCESS);
    }
    if (is_open) {
        store_reader_close(reader);
        store_close(store);
        collect(report, writes);
    }
    if (!is_open || !comes_back)
        report->n_allocations = inject_end(&met);
    if (!is_open && !met)
        complain(report, "does not open");
    notes_of(report)->is_open = is_open;
}

static void check_statuses(struct report *report)
{
    const struct notes *notes = notes_of(report);
    for (int i = 0; i < N_STEPS && notes->is_open; i++)
        if (notes->status[i] != 0 && notes->status[i] != -ERROR_NO_MEMORY &&
            notes->status[i] != -ERROR_STORE_UNKNOWN && notes->status[i] != -ERROR_NOT_FOUND &&
            !(notes->status[i] == -ERROR_STORE_FULL && store_step_may_wait((enum step)i)) &&
            !(notes->status[i] == -ERROR_CONFLICT &&
              (i == DELETE_2 || i == BEGIN_JOBS || i == END_RUN || i == SHRINK)))
            complain(report, "request %d ended with %d", i, notes->status[i]);
}

static void run_sqlite(struct report *report, size_t nth, bool for_good)
{
    prepare(report);
    run_on(report, notes_of(report)->path, nth, for_good);
    check_statuses(report);
}

/* When there is memory. */
static void verify_sqlite(struct report *report)
{
    char command[100];
    const struct notes *notes = notes_of(report);
    if (opens(report, notes->path)) {
        if (notes->is_open) {
            check_tasks(report);
            check_lists(report);
            check_rest(report);
        }
        store_reader_close(reader);
        store_close(store);
    } else
        complain(report, "does not open any more");
    snprintf(command, sizeof command, "rm -rf %.60s", notes->folder);
    if (system(command) != 0)
        complain(report, "its folder stays");
}

static void test_sqlite_once(void)
{
    static const struct scenario scenario = {
        .name = "SQLite", .run = run_sqlite, .verify = verify_sqlite};
    scenario_run(&scenario, false);
}

static void test_sqlite_for_good(void)
{
    static const struct scenario scenario = {
        .name = "SQLite", .run = run_sqlite, .verify = verify_sqlite};
    scenario_run(&scenario, true);
}

/* Its tasks end with the process, which ends when nothing is left for their results. */
static void run_memory(struct report *report, size_t nth, bool for_good)
{
    for (int i = 0; i < N_STEPS; i++)
        notes_of(report)->status[i] = NOT_DONE;
    run_on(report, ":memory:", nth, for_good);
    check_statuses(report);
}

static const struct scenario memory_scenario = {
    .name = "memory", .with_reserve = true, .run = run_memory};

static void test_memory_once(void)
{
    scenario_run(&memory_scenario, false);
}

static void test_memory_for_good(void)
{
    scenario_run(&memory_scenario, true);
}

CU_TestInfo tests_of_store[] = {
    {"SQLite, once", test_sqlite_once},
    {"SQLite, for good", test_sqlite_for_good},
    {"memory, once", test_memory_once},
    {"memory, for good", test_memory_for_good},
    CU_TEST_INFO_NULL,
};
