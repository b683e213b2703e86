/* Ids of tasks that clients chose and that are on their way into the store. There is one request at
 * a time for each; another one with the same id waits until it is decided, as it has to be told
 * whether there is such a task, and that is not known before. */
#ifndef AWAITD_SERVER_CLAIMS_H
#define AWAITD_SERVER_CLAIMS_H

#include <pthread.h>

#include "runtime/base/list.h"
#include "schema/id.h"

struct request;
struct server;

#define CLAIM_BUCKETS 256

struct claims {
    pthread_mutex_t lock;
    struct list buckets[CLAIM_BUCKETS]; /* struct claim, by the last byte of the id */
};

/* A part of its request. */
struct claim {
    struct list link; /* in a bucket, or in another one's waiting */
    struct list waiting;
    struct id id;
};

void claims_init(struct claims *claims);    /* [main] */
void claims_release(struct claims *claims); /* There are none left. [main] */

/* Claims request->id, which claim_release must follow. False when another request has it: then this
 * one is parked, and `again` runs when that is decided. [http] */
bool claim_id(struct request *request, void (*again)(struct request *request));
/* What there is now can be read from the store. [any] */
void claim_release(struct request *request);

#endif
