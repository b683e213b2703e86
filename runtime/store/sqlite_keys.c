/* The SQLite backend: what clients' idempotency keys were used for. */
#include "runtime/store/sqlite.h"

#include <string.h>

/* In the order in which take_key reads them. */
#define GET                                                                                        \
    "SELECT scope, key, at, fingerprint, id, tag, answer FROM keys"                                \
    " WHERE scope = ?1 AND key = ?2 AND at > ?3"

static sqlite3_stmt *bind_key(sqlite3_stmt *statement, const char *scope, const char *key)
{
    sqlite_bind_text(statement, 1, scope);
    sqlite_bind_text(statement, 2, key);
    return statement;
}

/* ---- writing ---- */

int sqlite_use_key(struct sqlite *s, struct store_request *request)
{
    const struct key_record *key = request->key;
    if (!key->answer) {
        request->status = -ERROR_NO_MEMORY;
        return SQLITE_OK;
    }
    sqlite3_stmt *statement = bind_key(s->statements[DO_USE_KEY], key->scope, key->key);
    sqlite3_bind_int64(statement, 3, key->at_us);
    sqlite3_bind_blob(statement, 4, key->fingerprint, sizeof key->fingerprint, SQLITE_STATIC);
    sqlite_bind_id(statement, 5, &key->id);
    sqlite_bind_text(statement, 6, key->tag);
    sqlite_bind_text(statement, 7, key->answer);
    sqlite3_bind_int64(statement, 8, key->at_us - KEY_KEPT_US);
    int rc = sqlite_run(s, DO_USE_KEY);
    if (rc == SQLITE_OK && sqlite3_changes(s->db) == 0)
        request->status = -ERROR_REPEATED;
    return rc;
}

int sqlite_free_key(struct sqlite *s, const struct key_record *key)
{
    bind_key(s->statements[DO_FREE_KEY], key->scope, key->key);
    return sqlite_run(s, DO_FREE_KEY);
}

int sqlite_sweep_keys(struct sqlite *s, int64_t now_us)
{
    if (!key_sweep_is_due(&s->sweep, now_us))
        return SQLITE_OK;
    sqlite3_bind_int64(s->statements[DO_SWEEP_KEYS], 1, now_us - KEY_KEPT_US);
    sqlite3_bind_int(s->statements[DO_SWEEP_KEYS], 2, KEY_SLICE);
    int rc = sqlite_run(s, DO_SWEEP_KEYS);
    if (rc == SQLITE_OK)
        key_sweep_done(&s->sweep, now_us, (size_t)sqlite3_changes(s->db));
    return rc;
}

/* ---- reading ---- */

/* NULL when out of memory. */
static struct key_record *take_key(sqlite3_stmt *row)
{
    struct key_record key = {
        .scope = (const char *)sqlite3_column_text(row, 0),
        .key = (const char *)sqlite3_column_text(row, 1),
        .at_us = sqlite3_column_int64(row, 2),
        .answer = (const char *)sqlite3_column_text(row, 6),
    };
    const void *fingerprint = sqlite3_column_blob(row, 3);
    const char *tag = (const char *)sqlite3_column_text(row, 5);
    if (!key.scope || !key.key || !key.answer || !fingerprint || !tag)
        return NULL;
    if (sqlite3_column_bytes(row, 3) == sizeof key.fingerprint)
        memcpy(key.fingerprint, fingerprint, sizeof key.fingerprint);
    sqlite_take_id(row, 4, &key.id);
    strncpy(key.tag, tag, sizeof key.tag - 1);
    return key_record_copy(&key);
}

int sqlite_get_key(struct store_reader *reader, const char *scope, const char *key, int64_t now_us,
                   struct key_record **out, struct error *e)
{
    struct sqlite_reader *r = (struct sqlite_reader *)reader;
    int status = sqlite_reader_prepare(r, GET, &r->get_key, e);
    if (status != 0)
        return status;
    bind_key(r->get_key, scope, key);
    sqlite3_bind_int64(r->get_key, 3, now_us - KEY_KEPT_US);
    int rc = sqlite3_step(r->get_key);
    if (rc == SQLITE_ROW) {
        *out = take_key(r->get_key);
        status = *out ? 0 : sqlite_reader_no_memory(e);
    } else if (rc == SQLITE_DONE)
        status = error_set(e, ERROR_NOT_FOUND, "the key was not used");
    else
        status = sqlite_reader_fail(r, e);
    sqlite3_reset(r->get_key);
    return status;
}
