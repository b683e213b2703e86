/* What the test of the runtime runs, what it notes of that, and whether that is what the next start
 * finds. */
#ifndef AWAITD_TESTS_MEMORY_RUNTIME_WORLD_H
#define AWAITD_TESTS_MEMORY_RUNTIME_WORLD_H

#include <limits.h>

#include "runtime/runtime.h"
#include "runtime/services.h"
#include "tests/memory/run.h"

enum { N_JOBS = 9, FUTURE_JOB = 5, CANCELLED_JOB = 7 };
/* A spec, and its result; NULL: it goes on until the drain. */
struct world_job {
    const char *spec, *result;
};
extern const struct world_job world_jobs[N_JOBS];

#define NOT_DONE INT_MIN

/* In report->notes, written by whichever thread. */
struct notes {
    char folder[60], path[80];
    int submitted[N_JOBS]; /* status */
    bool has_ended[N_JOBS];
    int cancelled, future_set, loop_opened, group_opened;
};

struct notes *world_notes(struct report *report);

extern struct world {
    struct report *report;
    struct services services;
    struct store *store;
    struct runtime *runtime;
} world;

/* What the server starts before it has threads, and before the reserve. */
void world_prepare(void);
/* False: it does not open, and there is no memory, or it has complained. */
bool world_opens(const char *path, size_t n_loops);
void world_closes(void);
void world_release(void);

bool world_is_right_end(size_t i, const struct task_record *ended);
/* The next start: what is there, and that it goes on. Removes the folder. */
void world_verify(struct report *report);

#endif
