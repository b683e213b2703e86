/* Work that others carry out for a job: a call on a thread, a request over the network. The loop
 * begins it and is told of its end; whoever works on it sees when nobody waits any more. */
#ifndef AWAITD_RUNTIME_OPERATION_H
#define AWAITD_RUNTIME_OPERATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum operation_kind { OPERATION_CALL, OPERATION_FETCH, OPERATION_TALK, OPERATION_KINDS };

/* What it came to. */
struct answer {
    char *type; /* NULL: it is a result; else the exception's type name */
    char *text; /* the result's JSON (valid, compact), or the exception's message (UTF-8); with a
                 * NUL behind it. All of these are from malloc */
    size_t size;
    char *details; /* JSON or NULL */
};

struct operation {
    enum operation_kind kind;
    atomic_bool is_given_up;
    struct answer answer;
    void (*free)(struct operation *operation); /* with the answer */
    void (*completed)(struct operation *operation);
    void (*progressed)(struct operation *operation, double fraction, const char *message);
};

/* Who carries out the operations of one kind. [loop] */
struct operation_backend {
    void (*begin)(struct operation_backend *self, struct operation *operation);
    void (*give_up)(struct operation_backend *self, struct operation *operation);
};

/* Exactly once for each one that was begun, also when it was given up: its answer is there, and
 * the backend touches it no more. [any] */
static inline void operation_complete(struct operation *operation)
{
    operation->completed(operation);
}

/* Before operation_complete. message: UTF-8 or NULL. [any] */
static inline void operation_progress(struct operation *operation, double fraction,
                                      const char *message)
{
    if (operation->progressed)
        operation->progressed(operation, fraction, message);
}

/* Nobody waits for it any more. [any] */
static inline bool operation_is_given_up(const struct operation *operation)
{
    return atomic_load_explicit(&operation->is_given_up, memory_order_acquire);
}

#endif
