/* What the ops that wait for an operation (runtime/operation.h) have in common: the frame, and what
 * becomes of the answer. [loop] */
#ifndef AWAITD_RUNTIME_OPS_OPERATION_H
#define AWAITD_RUNTIME_OPS_OPERATION_H

#include "runtime/ops/op.h"

struct operation_frame {
    struct frame base;
    struct operation *operation; /* while it is under way; else NULL */
};

/* Hands the operation, whose maker's part is filled in, to the host, and waits: the node ends with
 * what comes of it. Takes it. */
struct action operation_begin(struct task *task, struct frame *frame, struct operation *operation);
/* op.cancelled: the wait ends at once, the operation is given up. */
bool operation_cancelled(struct task *task, struct frame *frame, struct value *message,
                         struct cancel_walk *walk);
/* op.replayed */
bool operation_replayed(struct task *task, struct frame *frame, const struct journal_entry *entry);
void operation_release(struct task *task, struct frame *frame); /* op.release */

#endif
