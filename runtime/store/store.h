/* The port to what outlives the process. Writes are requests, queued from any thread, carried out
 * by the one writer thread: it takes all that is queued, runs it as one transaction with one sync
 * (group commit), and only then reports each as done. Reads go through a reader, one for each
 * thread, and see what was committed. Two backends stand behind it: SQLite (a file) and memory
 * (":memory:").
 *
 * Nothing here calls the runtime; SQL stays in the backends. */
#ifndef AWAITD_RUNTIME_STORE_STORE_H
#define AWAITD_RUNTIME_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/mpsc.h"
#include "runtime/store/clock_note.h"
#include "runtime/store/document.h"
#include "runtime/store/future_record.h"
#include "runtime/store/mark.h"
#include "runtime/store/journal_row.h"
#include "runtime/store/key_record.h"
#include "runtime/store/record.h"
#include "schema/error.h"

struct store;
struct store_reader;

/* ---- opening and closing ---- */

/* Opens, migrates or creates the database, and starts the writer thread. path ":memory:" gives the
 * memory backend. 0, or -code and *e: STORE_LOCKED (another process has it, with its pid),
 * STORE_FOREIGN, STORE_NEWER, SYSTEM. [main]
 */
int store_open(struct store **out, const char *path, struct error *e);

/* Carries out what is queued, checkpoints, ends the writer thread, closes. What finds no room even
 * then gets -STORE_FULL, whatever it is. Readers must be closed before. [main] */
void store_close(struct store *store);

/* Whether what it holds is there at the next start. [any] */
bool store_is_lasting(const struct store *store);

/* The descriptor that keeps others out for as long as a copy of it is open anywhere, also when this
 * process is gone; -1: none. [any] */
int store_lock(const struct store *store);

/* Where the data is, for /healthz: "sqlite" or "memory". [any] */
const char *store_kind(const struct store *store);

/* Called once by the writer when a commit's outcome became unknown (its sync failed): the file must
 * not be written again by this process. `stop` should get the process to exit. [main, before use]
 */
void store_on_failure(struct store *store, void (*stop)(void *context, const char *what),
                      void *context);

/* ---- writing ---- */

/* Each but INSERT and PUT gets ERROR_NOT_FOUND where there is no such task, or document; and
 * ERROR_CONFLICT as said. */
enum store_verb {
    STORE_INSERT, /* a new task: record with spec, and its end in `ended`, if it has ended already;
                   * its starts are 1. Conflict: the id is taken. With a key: below */
    STORE_FINISH, /* its end: state, result, error, unhandled, started, finished, trace of record;
                   * what its futures were set to is forgotten, if has_futures. Conflict: it has
                   * ended */
    STORE_LOG,    /* one line: entry. Conflict: the task has a line with this seq */
    STORE_CANCEL, /* record's id, cancel_requested_at_us, cancel_message; keeps the first request's.
                   * Conflict: it has ended */
    STORE_DELETE, /* a finished task with its log. Conflict: it has not ended */
    STORE_RESCHEDULE, /* record's id, deadline_at_us, 0 for none. Conflict: it has ended */
    STORE_PUT,    /* document; a former one of its kind and name is replaced, but for its time of
                   * creation, which document gets. Conflict: only_new, and there is one. With a
                   * key: below */
    STORE_REMOVE, /* document's kind and name */
    STORE_SET_FUTURE,  /* future. Conflict: it has a value, or its task has ended */
    STORE_DROP_FUTURE, /* future's task and name: as if it had never been set */
    STORE_START,  /* a pending task begins: state, started_at_us, began_at_us, deadline_at_us of
                   * record. Conflict: it has ended */
    STORE_CLOCK,  /* clock, unless a later one is there */
    STORE_FORGET, /* those of `ids` that have ended, with their logs; the others are passed over */
    STORE_SHRINK, /* gives a little of what is free in the file back to the file system. Conflict:
                   * others are waiting */
    STORE_BEGIN_RUN,  /* run: a start of the server, whose jobs do not run yet */
    STORE_BEGIN_JOBS, /* now they do: one more start for every task that has not ended. Conflict:
                       * no run began, or its jobs did */
    STORE_END_RUN,    /* it ends in order, whatever is still to come. Conflict: no run began */
    STORE_JOURNAL,    /* rows: each behind those of its task; of no effect unless that is open. They
                       * are forgotten with its FINISH, if has_journal. The memory backend, which
                       * outlives nothing, keeps none */
};

/* One run of the server, from a start to an end or a crash. */
struct store_run {
    int64_t now_us, window_us; /* given: the wall clock, and how long ago is "lately" */
    unsigned crash_loop;       /* given: so many crashes are too many */
    int64_t number;            /* 1, 2, 3… */
    unsigned n_crashes; /* of the runs that began lately, this one too: those after a crash */
    bool follows_crash; /* of the runs before, the last one in which jobs ran ended in a crash */
    size_t n_open; /* after too many: tasks that have not ended. Else 0, as to count takes long */
};

/* An INSERT or a PUT may come with a key, which is then kept for KEY_KEPT_US from its at_us; if it
 * is kept already, the status is -REPEATED, and nothing is stored.
 *
 * Owned by whoever queues it, untouched by him until done was called; done may free it.
 * done gets 0 or -code: -NOT_FOUND, -CONFLICT; -STORE_UNKNOWN; or, when it was not carried out for
 * want of something that may come back, -STORE_FULL, -NO_MEMORY or -SYSTEM (another program is
 * writing the file): START, FINISH, LOG, JOURNAL and DROP_FUTURE are never refused so, the writer
 * keeps them and tries again until the store is closed. Called on the writer thread after the
 * commit: be brief. */
struct store_request {
    struct mpsc_node node;
    enum store_verb verb;
    int status;                 /* the store's own */
    struct task_record *record; /* borrowed until done */
    struct task_record *ended;  /* INSERT: as FINISH's record, or NULL; borrowed until done */
    struct log_entry entry;     /* its texts are borrowed until done */
    struct document document;   /* and so are its */
    const struct future_record *future; /* borrowed until done, with its texts */
    const struct clock_note *clock;     /* borrowed until done */
    bool only_new;                      /* PUT: never replaces */
    bool goes_on;                       /* PUT: of something that runs; not refused as new */
    struct store_run *run;              /* BEGIN_RUN; borrowed until done */
    const struct journal_row *rows;     /* JOURNAL: n_rows, which may be 0; borrowed until done */
    const struct id *ids;               /* FORGET: n_ids of them; borrowed until done */
    size_t n_ids;
    size_t n_rows;
    const struct key_record *key; /* INSERT, PUT: or NULL; borrowed until done, with its texts */
    bool ends_unit; /* the store's own: the last of those that were submitted together */
    void (*done)(struct store_request *request, int status);
};

/* Queues a request. Requests of one thread are carried out in the order of their submission, and
 * one commit never holds a later one without the earlier ones. [any] */
void store_submit(struct store *store, struct store_request *request);
/* The same of several, oldest first, linked by node.next: one commit holds all of them that are
 * carried out, or none. Not empty. [any] */
void store_submit_all(struct store *store, struct store_request *first);

/* What the process may die of; NULL: no process comes after this one. Borrowed until the store is
 * closed, or for marks_ref. [any] */
struct marks *store_marks(const struct store *store);

/* ---- reading ---- */

int store_reader_open(struct store_reader **out, struct store *store, struct error *e);
void store_reader_close(struct store_reader *reader);

enum store_part { STORE_SPEC = 1, STORE_TRACE = 2 }; /* the large parts, when asked for */

/* 0 and a record that the caller owns a reference to; -NOT_FOUND; -SYSTEM. */
int store_get(struct store_reader *reader, const struct id *id, unsigned parts,
              struct task_record **out, struct error *e);

/* Which tasks a list is about; newest (greatest id) first. */
struct store_filter {
    int state;             /* enum task_state or -1 */
    const char *name;      /* exact; NULL: any */
    const char *label_key; /* with label_value; NULL: any */
    const char *label_value;
    const struct id *before; /* only ids smaller than this (the last of the page before) or NULL */
    size_t limit;
};

/* Fills records[0..*n) with references that the caller owns; records has room for filter->limit. */
int store_list(struct store_reader *reader, const struct store_filter *filter,
               struct task_record **records, size_t *n, struct error *e);

/* Calls each(context, entry) for the lines with seq > after, in order, at most limit of them; the
 * entry is borrowed during the call, and `each` must not call the store. */
int store_read_log(struct store_reader *reader, const struct id *id, int64_t after, size_t limit,
                   void (*each)(void *context, const struct log_entry *entry), void *context,
                   struct error *e);

/* Unfinished tasks in the order of their ids, with their specs, at most max of them, from ids
 * greater than `after` (NULL: from the first): what a start runs again. */
int store_read_open(struct store_reader *reader, const struct id *after, size_t max,
                    struct task_record **records, size_t *n, struct error *e);

/* The tasks of a group, in any state, in the order of their ids, at most max of them, from ids
 * greater than `after` (NULL: from the first). Their results and errors may be large, and are left
 * out, if need be, unless with_outcomes. */
int store_read_group(struct store_reader *reader, const struct id *group, const struct id *after,
                     bool with_outcomes, size_t max, struct task_record **records, size_t *n,
                     struct error *e);

/* What the futures of unfinished tasks were set to. The first task after `after` (NULL: of all)
 * that has such, in the order of ids: 0 and *task; -NOT_FOUND; -SYSTEM. */
int store_next_futures(struct store_reader *reader, const struct id *after, struct id *task,
                       struct error *e);
/* The journals of unfinished tasks: as store_next_futures. */
int store_next_journal(struct store_reader *reader, const struct id *after, struct id *task,
                       struct error *e);
/* Calls each(context, row) for the rows of the task, in their order; the row is borrowed during the
 * call, and `each` must not call the store. */
int store_read_journal(struct store_reader *reader, const struct id *task,
                       void (*each)(void *context, const struct journal_row *row), void *context,
                       struct error *e);
/* Calls each(context, record) for those of the task, in the order of their names' bytes; the record
 * is borrowed during the call, and `each` must not call the store. */
int store_read_futures(struct store_reader *reader, const struct id *task,
                       void (*each)(void *context, const struct future_record *record),
                       void *context, struct error *e);

/* The clocks as they were last written down: 0; -NOT_FOUND; -SYSTEM. */
int store_read_clock(struct store_reader *reader, struct clock_note *out, struct error *e);
/* What a key was used for, if it is kept at that time: 0 and a record, for key_record_free;
 * -NOT_FOUND; -SYSTEM. */
int store_get_key(struct store_reader *reader, const char *scope, const char *key, int64_t now_us,
                  struct key_record **out, struct error *e);

/* ---- reading: what may be forgotten, and what is to be gained ---- */

struct store_age {
    struct id id, group;
    bool has_group, has_ttl;
    enum task_state state;
    int64_t finished_at_us; /* 0: it has not ended */
};

/* All tasks, newest (greatest id) first, at most max of them, from ids smaller than `before` (NULL:
 * from the newest). */
int store_read_ages(struct store_reader *reader, const struct id *before, size_t max,
                    struct store_age *ages, size_t *n, struct error *e);

/* A place in a walk; it begins with {0}. */
struct store_cursor {
    int64_t at_us;
    struct id id;
};

/* Those of the tasks with a ttl whose time is over, in any order: at most max of them, from *cursor
 * on, which is moved; *has_more: the walk goes on there. */
int store_read_expired(struct store_reader *reader, int64_t now_us, struct store_cursor *cursor,
                       size_t max, struct store_age *ages, size_t *n, bool *has_more,
                       struct error *e);

/* Of the file: SHRINK would make the free ones fewer. */
struct store_space {
    uint64_t n_pages, n_free;
};
int store_read_space(struct store_reader *reader, struct store_space *out, struct error *e);

/* ---- reading: documents ---- */

/* 0 and a document, for document_free; -NOT_FOUND; -SYSTEM. */
int store_get_document(struct store_reader *reader, const char *kind, const char *name,
                       struct document **out, struct error *e);

/* The documents of a kind, in the order of their names' bytes, from names greater than `after`
 * (NULL: from the first). Fills documents[0..*n), which has room for limit; each is for
 * document_free. */
int store_list_documents(struct store_reader *reader, const char *kind, const char *after,
                         size_t limit, struct document **documents, size_t *n, struct error *e);

/* ---- copying ---- */

/* Copies the database into a new file: all that was committed when it was called, and of what is
 * committed meanwhile nothing. The file has its name once it is whole and on disk. */
struct store_backup {
    const char *folder;            /* made if need be; borrowed */
    const char *name;              /* of the file: no slash; borrowed */
    const atomic_bool *is_stopped; /* set by anybody: end it; borrowed */
    char path[4096];               /* filled in */
    int64_t n_bytes;               /* filled in */
};

/* Takes as long as it takes; reads and writes go on meanwhile. 0, or -code and *e, and nothing is
 * left of it: INVALID (not with this kind of store), CONFLICT (there is a file of this name, or a
 * copy is being made), STORE_FULL, DRAINING (it was stopped), NO_MEMORY, SYSTEM. [any; before
 * store_close] */
int store_backup(struct store *store, struct store_backup *backup, struct error *e);

#endif
