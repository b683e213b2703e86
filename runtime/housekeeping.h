/* What the parts of the housekeeper share: housekeeper.c has its thread, its clock and the file,
 * sweep.c finds what may be forgotten. Nobody else includes this. [its thread] */
#ifndef AWAITD_RUNTIME_HOUSEKEEPING_H
#define AWAITD_RUNTIME_HOUSEKEEPING_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "runtime/housekeeper.h"
#include "runtime/wall_watch.h"

#define SLICE 32        /* tasks in one request */
#define GROUPS_KNOWN 64 /* a power of two */

struct housekeeper {
    struct store *store;
    struct store_reader *reader;
    struct retention retention;
    pthread_t thread;
    atomic_bool is_stopping;
    sem_t wake;    /* posted to end the thread */
    sem_t written; /* by the writer: what was asked is done */
    /* the thread's own */
    struct wall_watch wall;
    int64_t now_us; /* as of the last look at it */
    int64_t next_sweep_ns, next_walk_ns;
    unsigned n_walks;
    bool has_failed; /* and the log says so */
    struct id ids[SLICE];
    size_t n_ids, n_forgotten;
    /* by a part of their ids: whether they have finished, as of this round */
    struct known_group {
        struct id id;
        bool is_known, goes_on;
    } groups[GROUPS_KNOWN];
    /* the greatest ids of tasks that are beyond a limit of their number */
    struct id beyond[TASK_STATES];
    bool has_beyond[TASK_STATES];
};

/* A request of its own. */
struct asking {
    struct store_request request;
    struct housekeeper *keeper;
    int status;
};

/* housekeeper.c: all of them together; waits, and then gives others as much time as that
 * took. */
void housekeeper_ask(struct housekeeper *k, struct asking *askings, size_t n);
/* Says once what goes wrong: a full disk, for one, lasts. False: not now. text may be NULL. */
bool housekeeper_is_well(struct housekeeper *k, int status, const char *text);

static inline bool housekeeper_is_stopping(const struct housekeeper *k)
{
    return atomic_load(&k->is_stopping);
}

/* sweep.c: those whose ttl is over; those that --retain says nothing good of. False: it was cut
 * off. */
bool sweep_expired(struct housekeeper *k);
bool sweep_retained(struct housekeeper *k);

#endif
