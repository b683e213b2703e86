/* Random requests over all the verbs of a store, as clients and loops would make them: the same
 * again from the same seed. What comes of them does not matter to what comes next. [main] */
#ifndef AWAITD_TESTS_STORE_WORKLOAD_H
#define AWAITD_TESTS_STORE_WORKLOAD_H

#include "tests/store/fixture.h"
#include "tests/store/random.h"

#define WORKLOAD_TASKS 400
#define WORKLOAD_BATCH 8
#define WORKLOAD_TEXTS 512

struct workload {
    struct chance chance;
    unsigned n_tasks;
    size_t large_size; /* of a large spec */
    struct {
        bool has_ended, is_deleted;
        int64_t n_lines, n_rows;
        unsigned futures; /* which are set, as bits */
    } tasks[WORKLOAD_TASKS];
    char texts[WORKLOAD_TEXTS][32]; /* what the requests of the last batches borrow */
    unsigned n_texts;
    int64_t now_us;
};

void workload_init(struct workload *w, uint64_t seed);
/* The requests of a next batch, not submitted yet: at most WORKLOAD_BATCH. They borrow from *w, and
 * have to be done some 30 calls later. How many. */
size_t workload_next(struct workload *w, struct write **batch);
/* A submission with a spec of this size. */
struct write *workload_large(struct workload *w, size_t size);

#endif
