/* A runtime on a store, and its calls with their answers waited for. */
#ifndef AWAITD_TESTS_UNIT_RUNTIME_FIXTURE_H
#define AWAITD_TESTS_UNIT_RUNTIME_FIXTURE_H

#include <semaphore.h>
#include <stdatomic.h>

#include "runtime/runtime.h"
#include "tests/suites.h"

#define FOREVER "{\"op\":\"sleep\",\"seconds\":3600}"
#define VALUE "{\"op\":\"value\",\"value\":1}"

struct fixture {
    struct store *store;
    struct runtime *runtime;
    struct services *services;
    atomic_uint_fast64_t n_ids;
};

/* On a store in memory; with one loop, and so many open tasks. */
struct fixture open_fixture(size_t max_open_tasks);
struct fixture open_fixture_with(const char *db, struct runtime_options options);
struct fixture open_loops(size_t n); /* in memory, with so many loops */
struct runtime_options with_loops(size_t n);
void close_fixture(struct fixture *f);
void close_drained_fixture(struct fixture *f); /* after runtime_drain */

/* A file of its own for one test; gone after release_db. */
char *make_db(char path[64]);
void release_db(char *path);

/* A submission whose end somebody waits for. */
struct call {
    struct submission submission;
    struct waiter waiter;
    sem_t accepted, over;
    int status;
    struct id id;
    struct task_record *record, *ended;
};

/* Returns once it was accepted or refused. loop: NULL names none. wait 0: without a waiter. */
void submit_to(struct fixture *f, struct call *call, const char *loop, const char *spec,
               double wait);
void submit(struct fixture *f, struct call *call, const char *spec, double wait);
/* With an id, and perhaps a key, or what else submissions may have, that are in the call already.
 */
void submit_prepared(struct fixture *f, struct call *call, const char *spec, double wait);
void submit_forever(struct fixture *f, struct call *call, const char *loop);
void release_call(struct call *call);
/* A waiter's done: keeps the record and posts `over`. */
void waited(struct waiter *waiter, struct task_record *ended);

/* The status; NULL: no message. */
int cancel(struct fixture *f, const struct id *id, const char *loop, char *text);
/* A timeout of that name expires at once. */
int expire(struct fixture *f, const struct id *id, const char *timeout);
int look(struct fixture *f, const struct id *id, const char *loop);

/* Of tasks on the main loop. */
int set_future(struct fixture *f, const struct id *id, const char *name, const char *result);
int look_at_future(struct fixture *f, const struct id *id, const char *name, bool *is_done);

int open_loop(struct fixture *f, const char *name, const char *handler);
int close_loop(struct fixture *f, const char *name);
int set_handler(struct fixture *f, const char *name, const char *handler);
/* The caller frees list.loops. */
struct loop_list list_loops(struct fixture *f);
/* Open tasks of a loop; -1 when there is none of that name. */
int count_tasks(struct fixture *f, const char *name);

#endif
