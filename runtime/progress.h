/* How far the running tasks are, as far as somebody says so: a node of the job reports, on its
 * loop's thread, and whoever shows the task looks, on any other. In memory only: it is gone when
 * the task has ended, and when the process has. */
#ifndef AWAITD_RUNTIME_PROGRESS_H
#define AWAITD_RUNTIME_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema/id.h"

struct frame;
struct job;

#define PROGRESS_MESSAGE_MAX 1000 /* bytes; what is longer is cut */

struct progress {
    double fraction; /* 0 to 1; NAN: nobody said */
    bool has_message;
    char message[PROGRESS_MESSAGE_MAX + 1]; /* UTF-8 */
};

/* ---- what is reported ---- */

/* A node says how far it is: fraction 0 to 1, or NAN, which leaves it as it is; the message is
 * UTF-8, or NULL, which leaves it as it is. While a `map` counts, the fraction is its own. [loop]
 */
void job_report_progress(struct job *job, double fraction, const char *message);

/* For `map`: the outermost one that runs is what the job's progress is about, from begin to end.
 * The other calls do nothing unless the frame is that one's. [loop] */
void job_count_begin(struct job *job, struct frame *frame);
void job_count(struct job *job, struct frame *frame, size_t n_done, size_t n);
void job_count_end(struct job *job, struct frame *frame);

/* A line such as "::progress 0.4 half of it": true, with the fraction and the rest of it; false
 * when the line is none. Pure. [any] */
bool progress_parse(const char *line, double *fraction, const char **message);

/* ---- the table: what was reported last of each task ---- */

struct progress_entry;

struct progress_table {
    pthread_mutex_t lock;
    struct progress_entry **buckets; /* n_buckets chains, by id */
    size_t n_buckets;
    atomic_size_t n; /* changed under the lock; who reads 0 need not look */
};

/* 0, or -1 when out of memory. [main] */
int progress_table_init(struct progress_table *table);
void progress_table_release(struct progress_table *table); /* also of one that is all zero */
/* As job_report_progress. [loop] */
void progress_put(struct progress_table *table, const struct id *id, double fraction,
                  const char *message);
void progress_drop(struct progress_table *table, const struct id *id); /* [loop] */
/* False, and nothing known in *out, when nobody said anything. [any] */
bool progress_get(struct progress_table *table, const struct id *id, struct progress *out);

#endif
