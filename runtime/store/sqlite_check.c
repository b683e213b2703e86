/* The SQLite backend: whether a file is in order. */
#include "runtime/store/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/store/sqlite.h"
#include "schema/buffer.h"
#include "schema/embedded.h"

/* ---- what must hold ---- */

#define OPEN_TASK "SELECT 1 FROM tasks t WHERE t.id = x.task AND t.finished_at IS NULL"
#define A_TASK "SELECT 1 FROM tasks t WHERE t.id = x.task"
#define OUTCOME(column) "coalesce(t." column ", o." column ")"
#define TASKS "FROM tasks t LEFT JOIN outcomes o ON o.n = t.spec "
#define TEXT_OF(number) #number
#define SIZE_TEXT(number) TEXT_OF(number)
#define BAD_JSON(text) text " IS NOT NULL AND NOT json_valid(" text ")"

/* Each has a row for each violation: what it is about, the id of a task or a text. `since` is the
 * first version of the schema that has all the tables. */
static const struct rule {
    int since;
    const char *what, *sql;
} rules[] = {
    {1, "a task's id is not one", "SELECT hex(id) FROM tasks WHERE length(id) <> 16"},
    {1, "a task has no spec",
     "SELECT id FROM tasks t LEFT JOIN specs s ON s.n = t.spec WHERE s.spec IS NULL"},
    {1, "tasks share one spec", "SELECT id FROM tasks GROUP BY spec HAVING count(*) > 1"},
    {1, "a spec belongs to no task",
     "SELECT 'spec ' || n FROM specs WHERE n NOT IN (SELECT spec FROM tasks)"},
    {1, "an outcome belongs to no finished task",
     "SELECT 'outcome ' || n FROM outcomes WHERE n NOT IN"
     " (SELECT spec FROM tasks WHERE finished_at IS NOT NULL)"},
    {1, "a task's state is none", "SELECT id FROM tasks WHERE state NOT BETWEEN 0 AND 4"},
    {1, "a task's state and the time of its end do not agree",
     "SELECT id FROM tasks WHERE (state >= 2) <> (finished_at IS NOT NULL)"},
    {1, "a task runs and has not started",
     "SELECT id FROM tasks WHERE state = 1 AND started_at IS NULL"},
    {1, "a task's number of starts is less than one", "SELECT id FROM tasks WHERE starts < 1"},
    {1, "a task has an outcome and has not ended",
     "SELECT id FROM tasks WHERE finished_at IS NULL AND"
     " (result IS NOT NULL OR error IS NOT NULL OR unhandled IS NOT NULL)"},
    {1, "a task succeeded and has no result, or has an error",
     "SELECT id " TASKS
     "WHERE state = 2 AND (" OUTCOME("result") " IS NULL OR " OUTCOME("error") " IS NOT NULL)"},
    {1, "a task failed or was cancelled and has no error, or has a result",
     "SELECT id " TASKS "WHERE state IN (3, 4) AND (" OUTCOME("error") " IS NULL OR " OUTCOME(
         "result") " IS NOT NULL)"},
    {1, "a task's outcome is in two places",
     "SELECT id FROM tasks t JOIN outcomes o ON o.n = t.spec WHERE"
     " coalesce(t.result, t.error, t.unhandled) IS NOT NULL AND"
     " coalesce(o.result, o.error, o.unhandled) IS NOT NULL"},
    {1, "a message says why a task is cancelled, and it is not",
     "SELECT id FROM tasks WHERE cancel_message IS NOT NULL AND cancel_requested_at IS NULL"},
    {1, "a spec is not JSON",
     "SELECT id FROM tasks t JOIN specs s ON s.n = t.spec WHERE " BAD_JSON("s.spec")},
    {1, "a result is not JSON", "SELECT id " TASKS "WHERE " BAD_JSON(OUTCOME("result"))},
    {1, "an error is not JSON", "SELECT id " TASKS "WHERE " BAD_JSON(OUTCOME("error"))},
    {1, "unhandled errors are not JSON",
     "SELECT id " TASKS "WHERE " BAD_JSON(OUTCOME("unhandled"))},
    {1, "labels are no JSON object",
     "SELECT id FROM tasks WHERE labels IS NOT NULL AND"
     " CASE WHEN json_valid(labels) THEN json_type(labels) ELSE '' END <> 'object'"},
    {1, "a label of a task is not found by it",
     "SELECT t.id FROM tasks t, json_each(CASE WHEN json_valid(t.labels) THEN t.labels END) j WHERE"
     " NOT EXISTS (SELECT 1 FROM labels l WHERE l.key = j.key AND l.value = j.value AND"
     " l.id = t.id)"},
    {1, "a label finds a task that has it not",
     "SELECT l.id FROM labels l WHERE NOT EXISTS (SELECT 1 FROM tasks t,"
     " json_each(CASE WHEN json_valid(t.labels) THEN t.labels END) j"
     " WHERE t.id = l.id AND j.key = l.key AND j.value = l.value)"},
    {1, "a line of the log belongs to no task",
     "SELECT task FROM log x WHERE NOT EXISTS (" A_TASK ") GROUP BY task"},
    {1, "a line of the log has a number less than one", "SELECT task FROM log WHERE seq < 1"},
    {2, "a group's id is not one", "SELECT id FROM tasks WHERE length(group_id) <> 16"},
    {2, "a document has no kind or no name",
     "SELECT kind || ' ' || name FROM documents WHERE kind = '' OR name = ''"},
    {2, "a document is not JSON",
     "SELECT kind || ' ' || name FROM documents WHERE NOT json_valid(body)"},
    {3, "a future belongs to no task that is under way",
     "SELECT task FROM futures x WHERE NOT EXISTS (" OPEN_TASK ")"},
    {3, "a future has neither a result nor an exception, or both",
     "SELECT task FROM futures WHERE (result IS NULL) = (type IS NULL)"},
    {3, "a future's result is not JSON", "SELECT task FROM futures WHERE " BAD_JSON("result")},
    {4, "a journal belongs to no task that is under way",
     "SELECT task FROM journal x WHERE NOT EXISTS (" OPEN_TASK ") GROUP BY task"},
    {4, "a journal has a gap",
     "SELECT task FROM journal GROUP BY task HAVING min(n) <> 1 OR max(n) <> count(*)"},
    {4, "a task was stored in a run that there was not",
     "SELECT id FROM tasks WHERE run < 0 OR"
     " run > (SELECT coalesce(max(n_ran_jobs), 0) FROM runs)"},
    {4, "a task is to begin on one clock only",
     "SELECT id FROM tasks WHERE start_at IS NOT NULL AND run_at IS NULL"},
    {4, "a run is counted wrongly",
     "SELECT 'run ' || n FROM runs WHERE n < 1 OR n_ran_jobs NOT BETWEEN ran_jobs AND n"},
    {4, "a key is not one, or not for anything",
     "SELECT 'key ' || key FROM keys WHERE key = '' OR length(id) <> 16 OR"
     " length(fingerprint) <> " SIZE_TEXT(KEY_FINGERPRINT_SIZE)},
};

/* ---- saying ---- */

/* A file that is being looked at. */
struct looking {
    struct store_check *check;
    const char *path;
    sqlite3 *db;
};

static void report(struct looking *l, const char *what, const char *of)
{
    struct buffer line = {0};
    l->check->n_violations++;
    buffer_format(&line, "%s: %s", what, of);
    if (l->check->each)
        l->check->each(l->check->context, line.failed ? what : line.bytes);
    buffer_release(&line);
}

/* What a row is about: an id, or a text. */
static void report_row(struct looking *l, const char *what, sqlite3_stmt *row)
{
    struct id id;
    char text[ID_TEXT_SIZE];
    if (sqlite3_column_type(row, 0) == SQLITE_BLOB && sqlite_take_id(row, 0, &id)) {
        id_format(&id, text);
        report(l, what, text);
    } else {
        bool is_text = sqlite3_column_type(row, 0) == SQLITE_TEXT;
        const char *found = is_text ? (const char *)sqlite3_column_text(row, 0) : NULL;
        report(l, what, found ? found : "(not an id)");
    }
}

static int no_memory(const struct looking *l, struct error *e)
{
    return error_set(e, ERROR_NO_MEMORY, "%s: out of memory", l->path);
}

/* What keeps us from looking further; damage does not, it is what we look for. */
static int fail(const struct looking *l, struct error *e)
{
    int rc = l->db ? sqlite3_errcode(l->db) : SQLITE_NOMEM;
    if (rc == SQLITE_NOMEM)
        return no_memory(l, e);
    if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
        return error_set(e, ERROR_STORE_FOREIGN, "%s: not an SQLite database, or damaged (%s)",
                         l->path, sqlite3_errmsg(l->db));
    return error_set(e, ERROR_SYSTEM, "%s: cannot be read: %s", l->path, sqlite3_errmsg(l->db));
}

/* ---- the parts ---- */

static int ask(struct looking *l, const char *sql, int64_t *number, struct error *e)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(l->db, sql, -1, &row, NULL);
    if (rc == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW)
        *number = sqlite3_column_int64(row, 0);
    if (sqlite3_finalize(row) != SQLITE_OK || rc != SQLITE_OK)
        return fail(l, e);
    return 0;
}

static int identify(struct looking *l, struct error *e)
{
    int64_t application = 0, version = 0;
    int rc = ask(l, "PRAGMA application_id", &application, e);
    if (rc == 0)
        rc = ask(l, "PRAGMA user_version", &version, e);
    if (rc != 0)
        return rc;
    if (application != APPLICATION_ID || version < 1)
        return error_set(e, ERROR_STORE_FOREIGN, "%s: not a database of awaitd", l->path);
    if (version > embedded_n_migrations)
        return error_set(e, ERROR_STORE_NEWER,
                         "%s: written by version %lld of the schema, this program knows %d",
                         l->path, (long long)version, embedded_n_migrations);
    l->check->version = (int)version;
    return 0;
}

/* One row for each violation. A database that is damaged there is one more. */
static int apply(struct looking *l, const char *what, const char *sql, struct error *e)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(l->db, sql, -1, &row, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        report_row(l, what, row);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(row);
    if (rc == SQLITE_NOMEM)
        return no_memory(l, e);
    if (rc != SQLITE_DONE)
        report(l, what, sqlite3_errmsg(l->db));
    return 0;
}

/* What the migrations make, as rows of a temporary table beside the file's own. */
static int note_expected(struct looking *l, sqlite3 *model)
{
    sqlite3_stmt *from = NULL, *to = NULL;
    int rc = SQLITE_OK;
    for (int i = 0; i < l->check->version && rc == SQLITE_OK; i++)
        rc = sqlite3_exec(model, embedded_migrations[i], NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(l->db,
                          "PRAGMA temp_store = MEMORY; CREATE TEMP TABLE expected (name, sql)",
                          NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(model, "SELECT name, sql FROM sqlite_schema", -1, &from, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(l->db, "INSERT INTO expected VALUES (?1, ?2)", -1, &to, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(from)) == SQLITE_ROW) {
        sqlite3_bind_value(to, 1, sqlite3_column_value(from, 0));
        sqlite3_bind_value(to, 2, sqlite3_column_value(from, 1));
        rc = sqlite3_step(to) == SQLITE_DONE ? SQLITE_OK : SQLITE_NOMEM;
        sqlite3_reset(to);
    }
    sqlite3_finalize(from);
    sqlite3_finalize(to);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int check_structure(struct looking *l, struct error *e)
{
    sqlite3 *model = NULL;
    int rc = sqlite3_open_v2(":memory:", &model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (rc == SQLITE_OK)
        rc = note_expected(l, model);
    sqlite3_close(model);
    if (rc != SQLITE_OK)
        return fail(l, e);
    rc = apply(l, "a table or an index is missing, or not as it should be",
               "SELECT name FROM expected EXCEPT SELECT x.name FROM main.sqlite_schema m"
               " JOIN expected x ON x.name = m.name AND x.sql IS m.sql",
               e);
    if (rc == 0)
        rc =
            apply(l, "a table or an index does not belong there",
                  "SELECT name FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                  " AND name NOT IN (SELECT name FROM expected)",
                  e);
    return rc;
}

static int check_all(struct looking *l, struct error *e)
{
    int rc = identify(l, e);
    if (rc == 0)
        rc = apply(l, "damaged",
                   "SELECT integrity_check FROM pragma_integrity_check"
                   " WHERE integrity_check <> 'ok'",
                   e);
    if (rc == 0)
        rc = check_structure(l, e);
    for (size_t i = 0; i < sizeof rules / sizeof *rules && rc == 0; i++)
        if (rules[i].since <= l->check->version)
            rc = apply(l, rules[i].what, rules[i].sql, e);
    if (rc == 0 && l->check->n_violations == 0)
        rc = ask(l, "SELECT count(*) FROM tasks", &l->check->n_tasks, e);
    if (rc == 0 && l->check->n_violations == 0)
        rc = ask(l, "SELECT count(*) FROM tasks WHERE finished_at IS NULL", &l->check->n_open, e);
    return rc;
}

/* ---- the file ---- */

/* *lock: as long as it is open, no server opens the database. A copy has no lock, and needs none.
 */
static int take_lock(const char *path, int *lock, struct error *e)
{
    struct buffer name = {0};
    int rc = 0;
    buffer_format(&name, "%s.lock", path);
    *lock = name.failed ? -1 : open(name.bytes, O_RDONLY | O_CLOEXEC);
    if (*lock >= 0 && sqlite_flock(*lock, LOCK_SH) != 0) {
        rc = errno == EWOULDBLOCK ? sqlite_refuse_locked(path, *lock, name.bytes, e)
                                  : error_set(e, ERROR_SYSTEM, "%s: cannot be locked: %s",
                                              name.bytes, strerror(errno));
    } else if (name.failed || (*lock < 0 && errno != ENOENT)) {
        rc = error_set(e, ERROR_SYSTEM, "%s.lock: %s", path, strerror(errno));
    }
    buffer_release(&name);
    return rc;
}

/* Where there is a log that was not copied back, SQLite has to read that too, and makes an index of
 * it, which goes again. Else it is told that nobody changes the file, and makes nothing. */
static int open_file(struct looking *l, const char *wal, struct error *e)
{
    struct stat status;
    struct buffer uri = {0};
    buffer_text(&uri, "file:");
    for (const char *c = l->path; *c; c++)
        buffer_format(&uri, strchr("?#%", *c) ? "%%%02X" : "%c", (unsigned char)*c);
    if (stat(wal, &status) != 0 || status.st_size == 0)
        buffer_text(&uri, "?immutable=1");
    int rc =
        uri.failed
            ? SQLITE_NOMEM
            : sqlite3_open_v2(uri.bytes, &l->db,
                              SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    buffer_release(&uri);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(l->db, "PRAGMA mmap_size = 0", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return fail(l, e);
    sqlite3_wal_autocheckpoint(l->db, 0);
    sqlite3_db_config(l->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return 0;
}

static int look(struct looking *l, struct error *e)
{
    struct buffer wal = {0}, shm = {0};
    buffer_format(&wal, "%s-wal", l->path);
    buffer_format(&shm, "%s-shm", l->path);
    if (wal.failed || shm.failed) {
        buffer_release(&wal);
        buffer_release(&shm);
        return no_memory(l, e);
    }
    bool has_index = access(shm.bytes, F_OK) == 0;
    int rc = open_file(l, wal.bytes, e);
    if (rc == 0)
        rc = check_all(l, e);
    sqlite3_close(l->db);
    if (!has_index)
        unlink(shm.bytes);
    buffer_release(&wal);
    buffer_release(&shm);
    return rc;
}

int store_check(struct store_check *check, const char *path, struct error *e)
{
    struct looking l = {.check = check};
    struct stat status;
    int lock = -1, rc;
    check->version = 0;
    check->n_tasks = check->n_open = check->n_violations = 0;
    if (stat(path, &status) != 0)
        return error_set(e, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "%s: %s", path,
                         strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(e, ERROR_NOT_FOUND, "%s: not a file", path);
    char *real = realpath(path, NULL);
    if (!real)
        return error_set(e, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
    l.path = real;
    rc = take_lock(real, &lock, e);
    if (rc == 0)
        rc = look(&l, e);
    if (lock >= 0)
        close(lock);
    free(real);
    return rc;
}
