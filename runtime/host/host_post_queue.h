/* What the poster has still to deliver, and to whom next. Posts to one URL (a target) go out in the
 * order in which they came, POST_AT_ONCE at a time, and the targets take turns, so that a slow one
 * holds up none but itself. A post that failed waits, longer each time, and then goes to the end of
 * its target's line.
 *
 * A post belongs to the queue until post_queue_next gave it out, and again when post_queue_retry
 * took it back. No I/O, no clock. [any, one thread at a time] */
#ifndef AWAITD_RUNTIME_HOST_POST_QUEUE_H
#define AWAITD_RUNTIME_HOST_POST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/list.h"

#define POST_AT_ONCE 4 /* to one target */
#define POST_RETRIES 5 /* the last one 16 times as late as the first */

struct target {
    struct list link;  /* in targets */
    struct list ready; /* of struct post */
    size_t n_posts;    /* all that name it; it ends with the last of them */
    int n_given;
    char url[];
};

struct post {
    struct list link;      /* in ready, delayed, or a list of whoever it was given to */
    struct list age;       /* in waiting */
    struct target *target; /* NULL when ended or dropped */
    char *body;
    size_t size;
    int n_retries;
    int64_t due_ms;
};

struct post_queue {
    size_t max_posts, max_bytes;
    int64_t first_delay_ms;
    size_t n_posts, n_bytes;           /* all that have not ended, also those that are given out */
    struct list targets;               /* whose turn it is first */
    struct list waiting;               /* all that are not given out, oldest first */
    struct list delayed[POST_RETRIES]; /* by retry: all of one wait equally long */
};

void post_queue_init(struct post_queue *queue, size_t max_posts, size_t max_bytes,
                     int64_t first_delay_ms);

/* Copies url, takes body; or neither, and false, for want of memory. When there are too many then,
 * those that have waited longest (in the end, this one) leave the queue for the list `dropped`: a
 * target that takes nothing must not keep out what is for others. */
bool post_queue_add(struct post_queue *queue, const char *url, char *body, size_t size,
                    struct list *dropped);

/* The next one that may go out now; NULL when there is none. */
struct post *post_queue_next(struct post_queue *queue, int64_t now_ms);

/* When a delay is over; INT64_MAX when there is none. */
int64_t post_queue_due_ms(const struct post_queue *queue);

/* Takes back one that was given out and failed. False: it has had all its retries, and only
 * post_queue_end is left. */
bool post_queue_retry(struct post_queue *queue, struct post *post, int64_t now_ms);

/* One that was given out leaves the queue. */
void post_queue_end(struct post_queue *queue, struct post *post);

/* All that wait leave the queue for `dropped`. */
void post_queue_drop_all(struct post_queue *queue, struct list *dropped);

/* One that has left. */
void post_free(struct post *post);

#endif
