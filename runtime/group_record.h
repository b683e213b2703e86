/* What is known of one group of tasks, as it is stored and shown. In the store it is a document
 * whose name is the group's id. [any] */
#ifndef AWAITD_RUNTIME_GROUP_RECORD_H
#define AWAITD_RUNTIME_GROUP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/store/document.h"
#include "runtime/store/record.h"
#include "schema/error.h"
#include "schema/id.h"

#define GROUP_KIND "group" /* of documents */

/*   OPEN ──close──► CLOSING ──all have ended──► SUCCEEDED
 *     └──────┬─────────┘
 *            ├── a task failed, cancel, or the deadline
 *            ▼
 *         ABORTING ──all have ended──► FAILED or CANCELLED */
enum group_state {
    GROUP_OPEN,
    GROUP_CLOSING,
    GROUP_ABORTING,
    GROUP_SUCCEEDED,
    GROUP_FAILED,
    GROUP_CANCELLED
};
#define GROUP_STATES 6

/* "open" and so on. */
const char *group_state_name(enum group_state state);
/* The other way; -1 when there is no such state. */
int group_state_parse(const char *name);

static inline bool group_state_is_final(enum group_state state)
{
    return state >= GROUP_SUCCEEDED;
}

/* All but the texts. Times are microseconds since the epoch; 0 = has not happened, or none. */
struct group_facts {
    enum group_state state;
    int64_t created_at_us, closed_at_us, finished_at_us;
    int64_t deadline_at_us;
    int64_t due_us; /* the deadline on the database's own clock, which decides (timeline.h) */
    int64_t cancel_requested_at_us; /* the first request */
    struct id failed_task;          /* the first one that failed, if has_failed */
    bool has_failed;
    size_t counts[TASK_STATES]; /* how many of its tasks are in each state */
};

/* Texts are owned, NUL-terminated, NULL when absent. */
struct group_record {
    struct id id;
    struct group_facts facts;
    char *name;
    char *cancel_message; /* of the first request */
    char *outcome;        /* JSON: the result when succeeded, else, in a final state, the error */
};

void group_record_release(struct group_record *record);

/* The body of its document; NULL when out of memory. The caller frees. */
char *group_record_write(const struct group_record *record);
/* *out is for group_record_release, whatever comes of it. 0; -NO_MEMORY; -SYSTEM when it is no
 * group's document. */
int group_record_read(struct group_record *out, const struct document *document, struct error *e);

#endif
