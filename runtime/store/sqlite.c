/* The SQLite backend: writing. */
#include "runtime/store/sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "schema/allocate.h"

/* Bytes of a result, error and unhandled errors that stand in the task's row. */
#define OUTCOME_SHORT 500

static int run_for_id(struct sqlite *s, enum sqlite_statement which, const struct id *id)
{
    sqlite_bind_id(s->statements[which], 1, id);
    return sqlite_run(s, which);
}

/* ---- one request: each sets its status, and returns what would be wrong with the whole batch ----
 */

/* Where three texts are bound from `first` on: as they are, or as NULL. */
static void bind_outcome(sqlite3_stmt *statement, int first, const struct task_record *task,
                         bool is_there)
{
    sqlite_bind_text(statement, first, is_there ? task->result : NULL);
    sqlite_bind_text(statement, first + 1, is_there ? task->error : NULL);
    sqlite_bind_text(statement, first + 2, is_there ? task->unhandled : NULL);
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) : 0;
}

/* Whether it fits into the task's row: SQLite keeps rows of up to 1002 bytes in one piece. */
static bool is_short(const struct task_record *task)
{
    return size_of(task->result) + size_of(task->error) + size_of(task->unhandled) <= OUTCOME_SHORT;
}

/* What of an end does not stand in the task's row. */
static int insert_outcome(struct sqlite *s, const struct task_record *task)
{
    sqlite3_stmt *statement = s->statements[DO_INSERT_OUTCOME];
    bool fits = is_short(task);
    if (fits && task->trace_size == 0)
        return SQLITE_OK;
    bind_outcome(statement, 2, task, !fits);
    sqlite3_bind_blob64(statement, 5, task->trace, task->trace_size, SQLITE_STATIC);
    return run_for_id(s, DO_INSERT_OUTCOME, &task->id);
}

/* What INSERT_TASK and FINISH say alike of how a task stands, in parameters 2 to 7. */
static void bind_standing(sqlite3_stmt *statement, const struct task_record *task)
{
    sqlite3_bind_int(statement, 2, (int)task->state);
    sqlite_bind_time(statement, 3, task->started_at_us);
    sqlite_bind_time(statement, 4, task->finished_at_us);
    bind_outcome(statement, 5, task, is_short(task));
}

static int insert_task(struct sqlite *s, const struct task_record *task,
                       const struct task_record *standing)
{
    sqlite3_stmt *statement = s->statements[DO_INSERT_TASK];
    bind_standing(statement, standing);
    sqlite3_bind_int64(statement, 8, task->created_at_us);
    sqlite_bind_time(statement, 9, task->deadline_at_us);
    sqlite_bind_text(statement, 10, task->name);
    sqlite_bind_text(statement, 11, task->labels);
    sqlite_bind_text(statement, 12, task->loop);
    if (task->has_group)
        sqlite_bind_id(statement, 13, &task->group);
    else
        sqlite3_bind_null(statement, 13);
    sqlite_bind_time(statement, 14, task->began_at_us);
    sqlite_bind_time(statement, 15, task->run_at_us);
    sqlite_bind_time(statement, 16, task->start_at_us);
    if (task->has_timeout)
        sqlite3_bind_double(statement, 17, task->timeout);
    else
        sqlite3_bind_null(statement, 17);
    if (task->has_ttl)
        sqlite3_bind_int64(statement, 18, task->ttl_us);
    else
        sqlite3_bind_null(statement, 18);
    return run_for_id(s, DO_INSERT_TASK, &task->id);
}

static int insert_labels(struct sqlite *s, const struct task_record *task)
{
    sqlite_bind_text(s->statements[DO_INSERT_LABELS], 2, task->labels);
    return run_for_id(s, DO_INSERT_LABELS, &task->id);
}

/* There is one with this id. */
static int undo_insert(struct sqlite *s, struct store_request *request)
{
    request->status = -ERROR_CONFLICT;
    int rc = sqlite_run(s, DO_UNDO_SPEC);
    return rc == SQLITE_OK && request->key ? sqlite_free_key(s, request->key) : rc;
}

static int insert_new(struct sqlite *s, struct store_request *request)
{
    const struct task_record *task = request->record;
    sqlite_bind_text(s->statements[DO_INSERT_SPEC], 1, task->spec);
    int rc = sqlite_run(s, DO_INSERT_SPEC);
    if (rc != SQLITE_OK)
        return rc;
    rc = insert_task(s, task, request->ended ? request->ended : task);
    if ((rc & 0xff) == SQLITE_CONSTRAINT)
        return undo_insert(s, request);
    if (rc == SQLITE_OK && task->labels)
        rc = insert_labels(s, task);
    if (rc == SQLITE_OK && request->ended)
        rc = insert_outcome(s, request->ended);
    return rc;
}

static int insert(struct sqlite *s, struct store_request *request)
{
    int rc = sqlite_sweep_keys(s, request->record->created_at_us);
    if (rc == SQLITE_OK && request->key)
        rc = sqlite_use_key(s, request);
    return rc == SQLITE_OK && request->status == 0 ? insert_new(s, request) : rc;
}

/* What a task is, for a request that met none in the state that it wanted. */
enum found { FOUND_NONE, FOUND_OPEN, FOUND_FINISHED };

static int look(struct sqlite *s, const struct id *id, enum found *found, int64_t *spec)
{
    sqlite3_stmt *statement = s->statements[DO_LOOK];
    sqlite_bind_id(statement, 1, id);
    int rc = sqlite3_step(statement);
    *found = FOUND_NONE;
    if (rc == SQLITE_ROW) {
        *found = sqlite3_column_int(statement, 0) ? FOUND_FINISHED : FOUND_OPEN;
        *spec = sqlite3_column_int64(statement, 1);
    }
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* As after a second request to cancel. */
int sqlite_explain(struct sqlite *s, struct store_request *request, const struct id *id)
{
    static const int statuses[] = {-ERROR_NOT_FOUND, 0, -ERROR_CONFLICT};
    enum found found;
    int64_t spec;
    int rc = look(s, id, &found, &spec);
    request->status = statuses[found];
    return rc;
}

static int finish(struct sqlite *s, struct store_request *request)
{
    const struct task_record *task = request->record;
    BUG_ON(!task_state_is_final(task->state) || task->finished_at_us == 0);
    bind_standing(s->statements[DO_FINISH], task);
    int rc = run_for_id(s, DO_FINISH, &task->id);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_changes(s->db) == 0)
        return sqlite_explain(s, request, &task->id);
    rc = insert_outcome(s, task);
    if (rc == SQLITE_OK && task->has_futures)
        rc = run_for_id(s, DO_DROP_FUTURES, &task->id);
    if (rc == SQLITE_OK && task->has_journal)
        rc = run_for_id(s, DO_DROP_JOURNAL, &task->id);
    return rc;
}

static int add_log(struct sqlite *s, struct store_request *request)
{
    const struct log_entry *entry = &request->entry;
    sqlite3_stmt *statement = s->statements[DO_LOG];
    sqlite3_bind_int64(statement, 2, entry->seq);
    sqlite3_bind_int64(statement, 3, entry->at_us);
    sqlite_bind_text(statement, 4, entry->level);
    sqlite_bind_text(statement, 5, entry->stream);
    sqlite_bind_text(statement, 6, entry->path);
    sqlite_bind_text(statement, 7, entry->message);
    int rc = run_for_id(s, DO_LOG, &entry->task);
    if ((rc & 0xff) == SQLITE_CONSTRAINT) { /* there is a line with this number */
        request->status = -ERROR_CONFLICT;
        return SQLITE_OK;
    }
    if (rc == SQLITE_OK && sqlite3_changes(s->db) == 0)
        request->status = -ERROR_NOT_FOUND;
    return rc;
}

static int cancel(struct sqlite *s, struct store_request *request)
{
    const struct task_record *task = request->record;
    sqlite_bind_time(s->statements[DO_CANCEL], 2, task->cancel_requested_at_us);
    sqlite_bind_text(s->statements[DO_CANCEL], 3, task->cancel_message);
    int rc = run_for_id(s, DO_CANCEL, &task->id);
    return rc == SQLITE_OK && sqlite3_changes(s->db) == 0 ? sqlite_explain(s, request, &task->id)
                                                          : rc;
}

static int reschedule(struct sqlite *s, struct store_request *request)
{
    const struct task_record *task = request->record;
    sqlite_bind_time(s->statements[DO_RESCHEDULE], 2, task->deadline_at_us);
    int rc = run_for_id(s, DO_RESCHEDULE, &task->id);
    return rc == SQLITE_OK && sqlite3_changes(s->db) == 0 ? sqlite_explain(s, request, &task->id)
                                                          : rc;
}

int sqlite_forget(struct sqlite *s, const struct id *id, int *status)
{
    /* The labels first: the task says which they are. */
    static const enum sqlite_statement parts[] = {DO_DELETE_LABELS, DO_DELETE_LOG, DO_DROP_FUTURES,
                                                  DO_DELETE_TASK};
    enum found found;
    int64_t spec;
    int rc = look(s, id, &found, &spec);
    *status = 0;
    if (rc != SQLITE_OK || found != FOUND_FINISHED) {
        *status = found == FOUND_OPEN ? -ERROR_CONFLICT : -ERROR_NOT_FOUND;
        return rc;
    }
    sqlite3_bind_int64(s->statements[DO_DELETE_SPEC], 1, spec);
    sqlite3_bind_int64(s->statements[DO_DELETE_OUTCOME], 1, spec);
    rc = sqlite_run(s, DO_DELETE_SPEC);
    if (rc == SQLITE_OK)
        rc = sqlite_run(s, DO_DELETE_OUTCOME);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && rc == SQLITE_OK; i++)
        rc = run_for_id(s, parts[i], id);
    return rc;
}

static int delete (struct sqlite *s, struct store_request *request)
{
    return sqlite_forget(s, &request->record->id, &request->status);
}

static int carry_out(struct sqlite *s, struct store_request *request)
{
    static int (*const verbs[])(struct sqlite *, struct store_request *) = {
        [STORE_INSERT] = insert,
        [STORE_FINISH] = finish,
        [STORE_LOG] = add_log,
        [STORE_CANCEL] = cancel,
        [STORE_DELETE] = delete,
        [STORE_RESCHEDULE] = reschedule,
        [STORE_PUT] = sqlite_put,
        [STORE_REMOVE] = sqlite_remove,
        [STORE_SET_FUTURE] = sqlite_set_future,
        [STORE_DROP_FUTURE] = sqlite_drop_future,
        [STORE_START] = sqlite_start,
        [STORE_CLOCK] = sqlite_note_clock,
        [STORE_FORGET] = sqlite_forget_all,
        [STORE_SHRINK] = sqlite_shrink,
        [STORE_BEGIN_RUN] = sqlite_begin_run,
        [STORE_BEGIN_JOBS] = sqlite_begin_jobs,
        [STORE_END_RUN] = sqlite_end_run,
        [STORE_JOURNAL] = sqlite_add_journal,
    };
    request->status = 0;
    return verbs[request->verb](s, request);
}

/* ---- one batch ---- */

/* What an error means for those who wait. Only these are known to have left nothing behind. Quotas
 * and limits on the size of files reach us as a failed write, which is as harmless as a full disk:
 * without the last page in the log there is no commit. A failed sync is another matter. */
int sqlite_judge(struct sqlite *s, int rc, bool is_commit)
{
    bool is_write = sqlite3_extended_errcode(s->db) == SQLITE_IOERR_WRITE;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return -ERROR_STORE_FULL;
    case SQLITE_BUSY: /* somebody writes the file with another program */
        return -ERROR_SYSTEM;
    }
    /* In a commit memory may be missing once all of it is in the log: for the index of that. */
    if (sqlite_is_out_of_memory(s->db) && !is_commit)
        return -ERROR_NO_MEMORY;
    if (is_write && (s->system_error == EDQUOT || s->system_error == EFBIG))
        return -ERROR_STORE_FULL;
    s->is_broken = true;
    return -ERROR_STORE_UNKNOWN;
}

static int sqlite_write(struct backend *base, struct store_request *first)
{
    struct sqlite *s = (struct sqlite *)base;
    int64_t run = s->run;
    bool is_commit = false;
    int rc = sqlite_run(s, DO_BEGIN);
    s->is_alone = !request_next(first);
    for (struct store_request *request = first; request && rc == SQLITE_OK;
         request = request_next(request))
        rc = carry_out(s, request);
    if (rc == SQLITE_OK) {
        is_commit = true;
        rc = sqlite_run(s, DO_COMMIT);
    }
    if (rc == SQLITE_OK)
        return 0;
    int status = sqlite_judge(s, rc, is_commit);
    if (!sqlite3_get_autocommit(s->db)) /* some errors roll back by themselves */
        sqlite_run(s, DO_ROLLBACK);
    if (!s->is_broken && sqlite_recall_runs(s, run) != SQLITE_OK) {
        s->is_broken = true; /* what it says of runs from now on might be wrong */
        status = -ERROR_STORE_UNKNOWN;
    }
    return status;
}

/* Called by SQLite in each commit, in place of its own checkpoints, whose errors nobody would hear
 * of: after a failed sync of the database the next try would find the pages clean, succeed, and
 * drop the log that holds the only copy. */
static int note_wal_size(void *context, sqlite3 *db, const char *name, int n_pages)
{
    struct sqlite *s = context;
    (void)db, (void)name;
    s->wal_pages = n_pages;
    return SQLITE_OK;
}

/* ---- the backend ---- */

static void sqlite_close(struct backend *base)
{
    struct sqlite *s = (struct sqlite *)base;
    sqlite_checkpoint_stop(s);
    sqlite_release(s);
    free(s);
}

static const struct backend_verbs verbs_of_sqlite = {
    .kind = "sqlite",
    .is_lasting = true,
    .lock = sqlite_lock,
    .write = sqlite_write,
    .settle = sqlite_settle,
    .is_settled = sqlite_is_settled,
    .close = sqlite_close,
    .make_reserve = sqlite_make_reserve,
    .give_up_reserve = sqlite_give_up_reserve,
    .reader_open = sqlite_reader_open,
    .reader_close = sqlite_reader_close,
    .get = sqlite_get,
    .list = sqlite_list,
    .read_log = sqlite_read_log,
    .read_open = sqlite_read_open,
    .read_group = sqlite_read_group,
    .next_futures = sqlite_next_futures,
    .read_futures = sqlite_read_futures,
    .read_clock = sqlite_read_clock,
    .next_journal = sqlite_next_journal,
    .read_journal = sqlite_read_journal,
    .get_key = sqlite_get_key,
    .get_document = sqlite_get_document,
    .list_documents = sqlite_list_documents,
    .read_ages = sqlite_read_ages,
    .read_expired = sqlite_read_expired,
    .read_space = sqlite_read_space,
    .backup = sqlite_backup,
};

int sqlite_open(struct backend **out, const char *path, struct error *e)
{
    struct sqlite *s = allocate_zeroed(1, sizeof *s);
    if (!s)
        return error_set(e, ERROR_NO_MEMORY, "store: out of memory");
    s->base.verbs = &verbs_of_sqlite;
    s->checkpoint.file = -1;
    int rc = sqlite_acquire(s, path, e);
    if (rc == 0)
        rc = sqlite_prepare(s, e);
    if (rc == 0)
        rc = sqlite_begin(s, e);
    if (rc != 0) {
        sqlite_close(&s->base);
        return rc;
    }
    sqlite3_wal_hook(s->db, note_wal_size, s);
    *out = &s->base;
    return 0;
}
