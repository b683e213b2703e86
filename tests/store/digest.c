#include "tests/store/digest.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "schema/buffer.h"
#include "tests/suites.h"

static uint64_t add(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ b[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

static uint64_t add_row(uint64_t hash, sqlite3_stmt *row)
{
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        int type = sqlite3_column_type(row, i);
        const void *bytes = sqlite3_column_blob(row, i);
        int size = sqlite3_column_bytes(row, i);
        hash = add(hash, &type, sizeof type);
        hash = add(hash, &size, sizeof size);
        hash = add(hash, bytes, (size_t)size);
    }
    return hash;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
    CU_ASSERT_PTR_NOT_NULL_FATAL(row);
    return row;
}

static void check_end(sqlite3 *db, int rc, sqlite3_stmt *row)
{
    if (rc != SQLITE_DONE)
        fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    CU_ASSERT_EQUAL(rc, SQLITE_DONE);
    sqlite3_finalize(row);
}

static uint64_t add_table(uint64_t hash, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *row = prepare(db, sql);
    int rc;
    hash = add(hash, sql, strlen(sql));
    while ((rc = sqlite3_step(row)) == SQLITE_ROW)
        hash = add_row(hash, row);
    check_end(db, rc, row);
    return hash;
}

uint64_t digest_of(const char *path)
{
    static const char tables[] =
        "SELECT 'SELECT ' || group_concat('\"' || c.name || '\"') || ' FROM ' || t.name ||"
        " ' ORDER BY ' || group_concat('\"' || c.name || '\"')"
        " FROM sqlite_schema t JOIN pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' GROUP BY t.name ORDER BY t.name";
    sqlite3 *db;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    int rc;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    sqlite3_stmt *row = prepare(db, tables);
    while ((rc = sqlite3_step(row)) == SQLITE_ROW)
        hash = add_table(hash, db, (const char *)sqlite3_column_text(row, 0));
    check_end(db, rc, row);
    sqlite3_close(db);
    return hash;
}
