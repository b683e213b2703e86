#include "tests/store/fixture.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "schema/embedded.h"
#include "tests/store/syscalls.h"

struct fixture fixture;

static bool is_memory;
static const char *folders = "/tmp";
static atomic_size_t n_done;
static sem_t holding, released;

int fixture_use_sqlite(void)
{
    is_memory = false;
    return 0;
}

int fixture_use_memory(void)
{
    is_memory = true;
    return 0;
}

void fixture_be_quick(bool is_quick)
{
    syscalls_be_quick(is_quick);
    folders = is_quick && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

static void count_stop(void *context, const char *what)
{
    (void)what;
    atomic_fetch_add((atomic_int *)context, 1);
}

void fixture_open(void)
{
    struct error e = {0};
    int rc = store_open(&fixture.store, fixture.path, &e);
    if (rc != 0)
        fprintf(stderr, "%s\n", e.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    store_on_failure(fixture.store, count_stop, &fixture.n_stops);
    CU_ASSERT_EQUAL_FATAL(store_reader_open(&fixture.reader, fixture.store, &e), 0);
}

void fixture_close(void)
{
    store_reader_close(fixture.reader);
    store_close(fixture.store);
    fixture.store = NULL;
}

void fixture_begin_run(void)
{
    begin_run(1);
    CU_ASSERT_EQUAL(write_now(STORE_BEGIN_JOBS, NULL), 0);
}

void fixture_make_folder(void)
{
    memset(&fixture, 0, sizeof fixture);
    n_done = 0;
    snprintf(fixture.folder, sizeof fixture.folder, "%s/awaitd-store-XXXXXX", folders);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(fixture.folder));
    if (is_memory)
        strcpy(fixture.path, ":memory:");
    else
        snprintf(fixture.path, sizeof fixture.path, "%s/a.db", fixture.folder);
}

void fixture_set_up(void)
{
    fixture_make_folder();
    fixture_open();
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

void fixture_tear_down(void)
{
    if (fixture.store)
        fixture_close();
    CU_ASSERT_EQUAL(nftw(fixture.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- the file, by SQLite alone ---- */

void run_sql(const char *sql)
{
    sqlite3 *db;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(fixture.path, &db), SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    CU_ASSERT_EQUAL(rc, SQLITE_OK);
    sqlite3_close(db);
}

void make_version(int version, const char *sql)
{
    char stamp[120];
    snprintf(stamp, sizeof stamp,
             "PRAGMA journal_mode = WAL; PRAGMA application_id = 0x61776474;"
             " PRAGMA user_version = %d",
             version);
    run_sql(stamp);
    for (int i = 0; i < version; i++)
        run_sql(embedded_migrations[i]);
    run_sql(sql);
}

void make_version_1(const char *sql)
{
    make_version(1, sql);
}

void make_version_2(const char *sql)
{
    make_version(2, sql);
}

/* ---- writing ---- */

static void note_done(struct store_request *request, int status)
{
    struct write *write = (struct write *)request;
    write->status = status;
    write->order = atomic_fetch_add(&n_done, 1);
    if (write->on_done)
        write->on_done(write);
    sem_post(&write->done);
}

struct write *write_new(enum store_verb verb, struct task_record *record)
{
    struct write *write = calloc(1, sizeof *write);
    write->request.verb = verb;
    write->request.record = record;
    write->request.done = note_done;
    sem_init(&write->done, 0, 0);
    return write;
}

struct write *write_log(const struct id *task, int64_t seq, const char *message)
{
    struct write *write = write_new(STORE_LOG, NULL);
    write->request.entry = (struct log_entry){.task = *task,
                                              .seq = seq,
                                              .at_us = 1000 + seq,
                                              .level = "info",
                                              .stream = "log",
                                              .path = "/do/0",
                                              .message = message};
    return write;
}

struct write *write_document(enum store_verb verb, const char *kind, const char *name,
                             const char *body, int64_t at_us)
{
    struct write *write = write_new(verb, NULL);
    write->request.document = (struct document){
        .kind = kind, .name = name, .body = body, .created_at_us = at_us, .updated_at_us = at_us};
    return write;
}

struct write *write_future(struct future_record future)
{
    bool is_set = future.result || future.type;
    struct write *write = write_new(is_set ? STORE_SET_FUTURE : STORE_DROP_FUTURE, NULL);
    write->future = future;
    write->request.future = &write->future;
    return write;
}

struct write *write_journal(const struct id *task, uint32_t n, size_t size)
{
    struct write *write = write_new(STORE_JOURNAL, NULL);
    write->row = (struct journal_row){.task = *task, .n = n, .entries = calloc(1, size + 1)};
    write->row.size = size;
    write->request.rows = &write->row;
    write->request.n_rows = 1;
    return write;
}

void write_submit(struct write *write)
{
    store_submit(fixture.store, &write->request);
}

void write_await(struct write *write)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    while (sem_timedwait(&write->done, &until) != 0)
        if (errno == ETIMEDOUT) {
            fprintf(stderr, "a request was never done\n");
            abort();
        }
}

void write_free(struct write *write)
{
    task_record_unref(write->request.record);
    task_record_unref(write->request.ended);
    sem_destroy(&write->done);
    free(write->row.entries);
    free(write);
}

int write_wait(struct write *write)
{
    write_await(write);
    int status = write->status;
    write_free(write);
    return status;
}

struct write *submit_log(unsigned n, int64_t seq)
{
    struct id id = id_of(n);
    struct write *line = write_log(&id, seq, "line");
    write_submit(line);
    return line;
}

struct write *submit(enum store_verb verb, struct task_record *record)
{
    struct write *write = write_new(verb, record);
    write_submit(write);
    return write;
}

bool write_is_done(struct write *write)
{
    int value;
    sem_getvalue(&write->done, &value);
    return value > 0;
}

int write_now(enum store_verb verb, struct task_record *record)
{
    struct write *write = write_new(verb, record);
    write_submit(write);
    return write_wait(write);
}

struct store_run begin_run(int64_t now_us)
{
    struct store_run run = {.now_us = now_us, .window_us = 60000000};
    struct write *write = write_new(STORE_BEGIN_RUN, NULL);
    write->request.run = &run;
    write_submit(write);
    CU_ASSERT_EQUAL_FATAL(write_wait(write), 0);
    return run;
}

static void hold(struct store_request *request, int status)
{
    (void)status;
    sem_post(&holding);
    while (sem_wait(&released) != 0)
        ;
    task_record_unref(request->record);
    free(request);
}

/* A line for a task that does not exist changes nothing. */
void writer_hold(void)
{
    struct store_request *request = calloc(1, sizeof *request);
    request->verb = STORE_LOG;
    request->done = hold;
    sem_init(&holding, 0, 0);
    sem_init(&released, 0, 0);
    store_submit(fixture.store, request);
    while (sem_wait(&holding) != 0)
        ;
}

void writer_release(void)
{
    sem_post(&released);
}

/* ---- other processes ---- */

/* Runs child() in a process of its own, which writes to the returned pipe, and which never returns.
 */
pid_t fork_child(void (*child)(int out), int *in)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    *in = ends[0];
    return pid;
}

void kill_child(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
}

/* ---- records ---- */

struct id id_of(unsigned n)
{
    return id_make(1700000000000000 + n, n);
}

void set_text(char **text, const char *value)
{
    free(*text);
    *text = value ? strdup(value) : NULL;
}

struct task_record *task_new(unsigned n)
{
    struct task_record *record = task_record_new();
    char spec[64];
    snprintf(spec, sizeof spec, "{\"op\":\"value\",\"value\":%u}", n);
    record->id = id_of(n);
    record->state = TASK_PENDING;
    record->created_at_us = 1700000000000000 + n;
    set_text(&record->spec, spec);
    return record;
}

struct task_record *task_end(unsigned n, enum task_state state)
{
    struct task_record *record = task_record_new();
    record->id = id_of(n);
    record->state = state;
    record->started_at_us = 1700000000000001 + n;
    record->finished_at_us = 1700000000000002 + n;
    set_text(state == TASK_SUCCEEDED ? &record->result : &record->error, "{\"x\":1}");
    return record;
}

struct task_record *task_cancel(unsigned n, int64_t at_us, const char *message)
{
    struct task_record *record = task_record_new();
    record->id = id_of(n);
    record->cancel_requested_at_us = at_us;
    set_text(&record->cancel_message, message);
    return record;
}

int insert(unsigned n)
{
    return write_now(STORE_INSERT, task_new(n));
}

struct task_record *look_up(unsigned n, unsigned parts)
{
    struct id id = id_of(n);
    struct task_record *record = NULL;
    struct error e = {0};
    int rc = store_get(fixture.reader, &id, parts, &record, &e);
    CU_ASSERT(rc == 0 || rc == -ERROR_NOT_FOUND);
    return rc == 0 ? record : NULL;
}

bool is_there(unsigned n)
{
    struct task_record *record = look_up(n, 0);
    task_record_unref(record);
    return record != NULL;
}
