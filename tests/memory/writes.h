/* Requests to a store whose ends are waited for. What they are made of is spared. */
#ifndef AWAITD_TESTS_MEMORY_WRITES_H
#define AWAITD_TESTS_MEMORY_WRITES_H

#include <semaphore.h>

#include "runtime/store/store.h"

struct write {
    struct store_request request; /* first */
    struct future_record future;
    sem_t done;
    int status;
};

/* Takes the record, which may be NULL. */
struct write *write_new(enum store_verb verb, struct task_record *record);
/* Once it is done: its status; frees it. */
int write_wait(struct write *write);

struct id write_id(unsigned n); /* of the n-th task */
/* The n-th task: pending, with a spec. And the ends of some. */
struct task_record *write_record(unsigned n);
struct task_record *write_end(unsigned n, enum task_state state, const char *outcome);

#endif
