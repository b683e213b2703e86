/* What the tests of the store stand on: a store opened anew for each test, and calls that submit
 * and wait. Main thread only, unless it says otherwise. */
#ifndef AWAITD_TESTS_STORE_FIXTURE_H
#define AWAITD_TESTS_STORE_FIXTURE_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

#include "runtime/store/store.h"
#include "tests/suites.h"

struct fixture {
    char folder[64];
    char path[100]; /* of the database, or ":memory:" */
    struct store *store;
    struct store_reader *reader;
    atomic_int n_stops; /* how often the store asked to stop */
};
extern struct fixture fixture;

/* For CU_SuiteInfo: what kind of store, and before and after each test. */
int fixture_use_sqlite(void);
int fixture_use_memory(void);
/* SQLite on a disk that fails on demand (test_faults.c), and the end of that. */
int faults_register(void);
int faults_unregister(void);
void fixture_set_up(void);
void fixture_tear_down(void);
/* The same, with nothing opened yet. */
void fixture_make_folder(void);

/* For long tests whose files nobody needs: they are in memory, and syscalls_be_quick. */
void fixture_be_quick(bool is_quick);

void fixture_open(void);
void fixture_close(void);
/* A run of the server in which jobs run begins. */
void fixture_begin_run(void);

/* A database as an older version left it, with what the SQL brings; and SQL while no store has it.
 */
void make_version_1(const char *sql);
void make_version_2(const char *sql);
void make_version(int version, const char *sql);
void run_sql(const char *sql);

/* A request with a record of its own, and whether it is done. */
struct write {
    struct store_request request;
    struct future_record future;
    struct journal_row row;
    struct store_run run;
    struct key_record key;
    struct clock_note clock;
    struct id ids[3];
    sem_t done;
    int status;
    size_t order; /* the how-manieth it was of all writes of this test to be done */
    void (*on_done)(struct write *write); /* [writer] or NULL */
};

struct write *write_new(enum store_verb verb, struct task_record *record); /* takes the reference */
struct write *write_log(const struct id *task, int64_t seq, const char *message);
/* A PUT or a REMOVE; both times are at_us. The texts are borrowed. */
struct write *write_document(enum store_verb verb, const char *kind, const char *name,
                             const char *body, int64_t at_us);
/* A SET_FUTURE, or with neither result nor type a DROP_FUTURE; its texts are borrowed. */
struct write *write_future(struct future_record future);
/* A JOURNAL of one row, with that many bytes in it. */
struct write *write_journal(const struct id *task, uint32_t n, size_t size);
void write_submit(struct write *write); /* [any] */
/* Waits until it is done. Fails the test after 20 seconds. [any] */
void write_await(struct write *write);
void write_free(struct write *write); /* when it is done, or was never submitted */
/* Waits for it, frees it; its status. Fails the test after 20 seconds. [any] */
int write_wait(struct write *write);
bool write_is_done(struct write *write);
/* A BEGIN_RUN at that time, looking a minute back, without its jobs: what is known of it then. */
struct store_run begin_run(int64_t now_us);
/* Both. [any] */
int write_now(enum store_verb verb, struct task_record *record);

/* Submitted already: a request with a record of its own, and a line of the n-th task. */
struct write *submit(enum store_verb verb, struct task_record *record);
struct write *submit_log(unsigned n, int64_t seq);

/* Keeps the writer busy, so that all that is submitted until writer_release is one batch. */
void writer_hold(void);
void writer_release(void);

/* Runs child in a process of its own: it writes to the pipe whose other end is *in, and never
 * returns (or is over). */
pid_t fork_child(void (*child)(int out), int *in);
void kill_child(pid_t pid);

/* ---- records: the n-th task of a test ---- */
struct id id_of(unsigned n);
struct task_record *task_new(unsigned n);                        /* pending, with a spec */
struct task_record *task_end(unsigned n, enum task_state state); /* for STORE_FINISH */
struct task_record *task_cancel(unsigned n, int64_t at_us, const char *message);
void set_text(char **text, const char *value);

/* Inserts the n-th task; the status. */
int insert(unsigned n);
/* What the fixture's reader knows of it; NULL if nothing. The caller unrefs. */
struct task_record *look_up(unsigned n, unsigned parts);
bool is_there(unsigned n);

#endif
