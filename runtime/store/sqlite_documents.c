/* The SQLite backend: documents. */
#include <errno.h>

#include "runtime/store/sqlite.h"

/* In the order in which take_document reads them. */
#define COLUMNS "kind, name, body, created_at, updated_at"
#define GET "SELECT " COLUMNS " FROM documents WHERE kind = ?1 AND name = ?2"
#define LIST                                                                                       \
    "SELECT " COLUMNS " FROM documents WHERE kind = ?1 AND name > ?2 ORDER BY name LIMIT ?3"

/* ---- writing ---- */

static sqlite3_stmt *bind_key(sqlite3_stmt *statement, const struct document *document)
{
    sqlite_bind_text(statement, 1, document->kind);
    sqlite_bind_text(statement, 2, document->name);
    return statement;
}

static int put(struct sqlite *s, struct store_request *request)
{
    struct document *document = &request->document;
    enum sqlite_statement which = request->only_new ? DO_PUT_NEW : DO_PUT;
    sqlite3_stmt *statement = bind_key(s->statements[which], document);
    sqlite_bind_text(statement, 3, document->body);
    sqlite3_bind_int64(statement, 4, document->created_at_us);
    sqlite3_bind_int64(statement, 5, document->updated_at_us);
    errno = 0;
    int rc = sqlite3_step(statement);
    s->system_error = errno;
    if (rc == SQLITE_ROW)
        document->created_at_us = sqlite3_column_int64(statement, 0);
    else if (rc == SQLITE_DONE) /* nothing was written, as there is one */
        request->status = -ERROR_CONFLICT;
    sqlite3_reset(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int sqlite_put(struct sqlite *s, struct store_request *request)
{
    int rc = request->key ? sqlite_use_key(s, request) : SQLITE_OK;
    bool may_go_on = rc == SQLITE_OK && request->status == 0;
    if (may_go_on)
        rc = put(s, request);
    if (may_go_on && rc == SQLITE_OK && request->key && request->status != 0)
        rc = sqlite_free_key(s, request->key);
    return rc;
}

int sqlite_remove(struct sqlite *s, struct store_request *request)
{
    bind_key(s->statements[DO_REMOVE], &request->document);
    int rc = sqlite_run(s, DO_REMOVE);
    if (rc == SQLITE_OK && sqlite3_changes(s->db) == 0)
        request->status = -ERROR_NOT_FOUND;
    return rc;
}

/* ---- reading ---- */

/* NULL when out of memory. */
static struct document *take_document(sqlite3_stmt *row)
{
    struct document document = {
        .kind = (const char *)sqlite3_column_text(row, 0),
        .name = (const char *)sqlite3_column_text(row, 1),
        .body = (const char *)sqlite3_column_text(row, 2),
        .created_at_us = sqlite3_column_int64(row, 3),
        .updated_at_us = sqlite3_column_int64(row, 4),
    };
    return document.kind && document.name && document.body ? document_copy(&document) : NULL;
}

/* Steps to the end, or until max documents are there. All of them, or none. */
static int take_documents(struct sqlite_reader *r, sqlite3_stmt *statement,
                          struct document **documents, size_t max, size_t *n, struct error *e)
{
    int rc = SQLITE_DONE, status = 0;
    *n = 0;
    while (*n < max && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        documents[*n] = take_document(statement);
        if (!documents[*n]) {
            status = sqlite_reader_no_memory(e);
            break;
        }
        ++*n;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        status = sqlite_reader_fail(r, e);
    while (status != 0 && *n > 0)
        document_free(documents[--*n]);
    sqlite3_reset(statement);
    return status;
}

int sqlite_get_document(struct store_reader *reader, const char *kind, const char *name,
                        struct document **out, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    size_t n;
    int rc = sqlite_reader_prepare(r, GET, &r->get_document, e);
    if (rc != 0)
        return rc;
    sqlite_bind_text(r->get_document, 1, kind);
    sqlite_bind_text(r->get_document, 2, name);
    rc = take_documents(r, r->get_document, out, 1, &n, e);
    if (rc == 0 && n == 0)
        rc = error_set(e, ERROR_NOT_FOUND, "there is no such %s", kind);
    return rc;
}

int sqlite_list_documents(struct store_reader *reader, const char *kind, const char *after,
                          size_t limit, struct document **documents, size_t *n, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int rc = sqlite_reader_prepare(r, LIST, &r->list_documents, e);
    if (rc != 0)
        return rc;
    sqlite_bind_text(r->list_documents, 1, kind);
    sqlite_bind_text(r->list_documents, 2, after ? after : ""); /* no name is empty */
    sqlite_bind_limit(r->list_documents, 3, limit);
    return take_documents(r, r->list_documents, documents, limit, n, e);
}
