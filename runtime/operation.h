/* Work for a leaf that is carried out outside of the loop: a function's call on an executor, a
 * request or a conversation on the network thread. The op makes it, the host takes it (host.h:
 * begin, give_up), a backend carries it out on a thread of its own.
 *
 *   begin ──► under way ──operation_complete──► (ended is called, the op frees it)
 *                 └──give_up──► nobody waits ──operation_complete──► (freed by the host)
 */
#ifndef AWAITD_RUNTIME_OPERATION_H
#define AWAITD_RUNTIME_OPERATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/list.h"
#include "runtime/journal/leaf.h"
#include "schema/buffer.h"

enum operation_kind { OPERATION_CALL, OPERATION_FETCH, OPERATION_TALK };
#define OPERATION_KINDS 3

/* What came of it. The texts are the operation's own, from malloc. */
struct answer {
    char *type;    /* NULL: there is a result; else the exception's type */
    char *text;    /* the result as compact JSON, or the exception's message in UTF-8, which may be
                      NULL */
    size_t size;   /* of text */
    char *details; /* the exception's, JSON; or NULL */
};
void answer_release(struct answer *answer);

/* What it has to say, on its way to the host (host_uv_operation.c). */
struct letter {
    struct letter *next, *next_taken;
    struct letter_news {
        bool is_complete, has_report;
        double fraction;
        char *message;
    } news, taken; /* as it came, under the mailbox's lock; and as the host has taken it */
    bool is_posted;
};

/* Begins whatever an op hands over, which owns copies of all that it needs: it may outlive the job.
 */
struct operation {
    enum operation_kind kind;
    /* The maker's. [any] frees all of it, but for the answer; what it asks for, as text that is the
     * same whenever the same is asked for */
    void (*free)(struct operation *operation);
    void (*show)(const struct operation *operation, struct buffer *out);
    /* The op's. [loop] */
    void (*ended)(struct operation *operation);
    void (*progressed)(struct operation *operation, double fraction, const char *message);
    void *context;
    struct leaf leaf; /* is_pure: the maker's */
    /* Filled in by the backend before operation_complete. */
    struct answer answer;
    /* The host's. [any] */
    void (*complete)(struct operation *operation);
    void (*report)(struct operation *operation, double fraction, const char *message);
    atomic_bool is_given_up;
    void *host;       /* its own */
    struct list link; /* among those of the host that are under way */
    struct letter letter;
};

/* Frees the answer and the operation. [any] */
void operation_free(struct operation *operation);

/* The backend is through with it, once for each that was begun, given up or not; from now on it
 * must not be touched. [any] */
static inline void operation_complete(struct operation *operation)
{
    operation->complete(operation);
}

/* How far it is, from 0 to 1, or NAN, and a message, which is copied, or NULL. Only the latest of
 * several may arrive. Before operation_complete. [any] */
static inline void operation_report(struct operation *operation, double fraction,
                                    const char *message)
{
    operation->report(operation, fraction, message);
}

/* Nobody waits for it any more: the cancelled flag, for polling. [any] */
static inline bool operation_is_given_up(const struct operation *operation)
{
    return atomic_load_explicit(&operation->is_given_up, memory_order_relaxed);
}

/* Who carries out one kind of them. Several loops may use one at the same time. */
struct operation_backend {
    /* [loop] Must not block. */
    void (*begin)(struct operation_backend *backend, struct operation *operation);
    /* [loop] It should end soon: is_given_up is set already. The backend may have completed it
     * just before, and then has nothing to do; it is not freed before this returns. */
    void (*give_up)(struct operation_backend *backend, struct operation *operation);
};

#endif
