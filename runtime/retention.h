/* How long finished tasks and groups are kept: what the operator says (--retain). Pure. [any] */
#ifndef AWAITD_RUNTIME_RETENTION_H
#define AWAITD_RUNTIME_RETENTION_H

#include "runtime/store/record.h"

#define RETENTION_FOREVER INT64_MAX
#define RETENTION_ALL UINT64_MAX

/* By state; only the final ones count. */
struct retention {
    int64_t age_us[TASK_STATES]; /* after the end; RETENTION_FOREVER: no limit */
    uint64_t count[TASK_STATES]; /* the newest so many; RETENTION_ALL: no limit */
    uint64_t count_of_all;       /* of all finished ones together */
};

/* What is understood, for messages and --help. */
#define RETENTION_GRAMMAR                                                                          \
    "an age such as 90s, 30m, 12h, 7d or 2w, a number of tasks, forever, or several with commas, " \
    "each for all or for one state: 30d,failed=90d,1000000"

/* Rules, separated by commas: [STATE=]AGE|COUNT|forever. STATE is succeeded, failed or cancelled;
 * an AGE without one is for those states that have none of their own, a COUNT without one for all
 * together. False when it is nothing of the kind, or says a thing twice. */
bool retention_parse(const char *text, struct retention *out);

/* Whether there is any limit, and whether there is one of their number. */
bool retention_has_limit(const struct retention *retention);
bool retention_has_count(const struct retention *retention);
/* The least age that any rule has; RETENTION_FOREVER when none has. */
int64_t retention_least_age(const struct retention *retention);

/* When a finished task is forgotten because of its age, in microseconds since the epoch; 0: it is
 * not. */
int64_t retention_expires_at(const struct retention *retention, const struct task_record *record);

#endif
