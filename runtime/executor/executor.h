/* Executors: named pools of threads that call functions (runtime/executor/function.h), each with a
 * bounded queue. Threads start when there is something to do for them. `default` is always there.
 * They are the backend of OPERATION_CALL.
 *
 *   QUEUED ──a worker takes it──► RUNNING ──the function is over──► OVER (completed)
 *      └──given up──► OVER           └──given up──► RUNNING, abandoned: it sees the flag
 *
 * A call that is given up while it is queued never starts. One that never returns keeps its thread,
 * and nothing else: not its job, not the drain, not the exit. */
#ifndef AWAITD_RUNTIME_EXECUTOR_H
#define AWAITD_RUNTIME_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/executor/function.h"
#include "runtime/operation.h"
#include "runtime/store/store.h"
#include "schema/error.h"

struct executors;
struct worker_command; /* worker_process.h */

#define EXECUTOR_DEFAULT "default"
#define EXECUTORS_MAX 256
#define EXECUTOR_WORKERS_MAX 1000
#define EXECUTOR_QUEUE_MAX 1000000

struct executor_options {
    unsigned workers;                 /* 1 to EXECUTOR_WORKERS_MAX */
    size_t max_queue;                 /* calls that wait for a worker, at most */
    const struct executor_kind *kind; /* runtime/executor/executor_kind.h */
};

/* With `default` alone. command: how worker processes are started; borrowed until executors_close.
 * NULL and *e. [main] */
struct executors *executors_open(const struct worker_command *command, struct error *e);
/* Those that the store knows, `default` too where it was changed; and its marks, for the calls of
 * functions that run in the server's own process. Before the first call. [main] */
int executors_read(struct executors *executors, struct store *store, struct error *e);
/* Once nothing can be begun any more: threads end as they finish. Waits for them, for at most
 * wait_ms; false when some are still running: then nothing is freed, and the process should leave
 * by _exit. [main] */
bool executors_close(struct executors *executors, int64_t wait_ms);

struct operation_backend *executors_backend(struct executors *executors);

/* ---- the table [any] ---- */

/* What there is where nothing else is said: as many workers as ThreadPoolExecutor has. */
struct executor_options executor_defaults(void);

bool executors_have(struct executors *executors, const char *name);
/* The one that was probably meant: a text for free(); or NULL. */
char *executors_nearest(struct executors *executors, const char *name);
/* There are EXECUTORS_MAX, or a few more: what is on its way to the store is not counted. */
bool executors_are_full(struct executors *executors);
/* Makes one, or changes it: what is under way goes on as it began. One that is about to be removed
 * stays so: its removal was asked for later. */
void executors_put(struct executors *executors, const char *name,
                   const struct executor_options *options);
/* It takes no calls from now on, and is about to be removed. -NOT_FOUND; -CONFLICT: it has calls.
 */
int executors_retire(struct executors *executors, const char *name);
void executors_revive(struct executors *executors, const char *name);
void executors_remove(struct executors *executors, const char *name); /* once retired */

struct executor_info {
    char *name; /* owned */
    struct executor_options options;
    unsigned threads; /* that were started */
    size_t queued, running;
    size_t abandoned; /* of those that run: nobody waits for them any more */
    uint64_t done, failed;
};
/* False: there is none. The caller frees the name. */
bool executors_look(struct executors *executors, const char *name, struct executor_info *out);
/* By name; an array for free(), the names too; NULL when out of memory. */
struct executor_info *executors_list(struct executors *executors, size_t *n);

/* ---- executor_store.c: as documents of the store ---- */

#define EXECUTOR_KIND "executor" /* of documents */

/* The document's text; NULL when out of memory. The caller frees. [any] */
char *executor_document(const struct executor_options *options);
/* executors_put of what a document says. [any] */
void executors_put_stored(struct executors *executors, const struct document *document);

#endif
