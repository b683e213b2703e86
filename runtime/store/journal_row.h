/* A row of the journal, as it is handed to the store: entries of one task that came in one round of
 * its loop. What they say is the runtime's affair. [any] */
#ifndef AWAITD_RUNTIME_STORE_JOURNAL_ROW_H
#define AWAITD_RUNTIME_STORE_JOURNAL_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "schema/id.h"

struct journal_row {
    struct id task;
    uint32_t n; /* 1, 2, 3… of each task */
    char *entries;
    size_t size;
};

#endif
