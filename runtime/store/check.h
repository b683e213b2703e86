/* Whether a database is in order: for `awaitd check`, and for tests. It only looks; nothing of the
 * file is changed. [main, with no store open on the file] */
#ifndef AWAITD_RUNTIME_STORE_CHECK_H
#define AWAITD_RUNTIME_STORE_CHECK_H

#include <stdint.h>

#include "schema/error.h"

struct store_check {
    /* Called for each thing that is wrong; the line is borrowed during the call. May be NULL. */
    void (*each)(void *context, const char *line);
    void *context;
    /* What was found. */
    int version; /* of the schema; older ones than ours are checked for what they have */
    int64_t n_tasks, n_open;
    int64_t n_violations;
};

/* Checks the pages, the tables, and what holds between them. 0 if that could be done, whatever came
 * of it; else -code and *e: NOT_FOUND (no such file), STORE_LOCKED (a server has it open),
 * STORE_FOREIGN (no database of ours), STORE_NEWER, NO_MEMORY, SYSTEM. No server can open the file
 * until this is over. */
int store_check(struct store_check *check, const char *path, struct error *e);

#endif
