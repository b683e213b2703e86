/* A node's fields that hold references: what they come to when the node starts. [loop] */
#ifndef AWAITD_RUNTIME_EVALUATE_H
#define AWAITD_RUNTIME_EVALUATE_H

#include "runtime/task.h"

/* All arguments of a node that has such fields, as the op sees them. */
struct evaluated {
    struct plan *memory; /* what the arguments point to; owned */
    uint32_t present;    /* as node->present, without those that came to null */
    union argument arguments[];
};

/* NULL, and the frame has them; or the exception to raise. */
struct value *evaluate_start(struct task *task, struct frame *frame);
void evaluate_release(struct task *task, struct frame *frame);

/* A late field of type FIELD_JSON: its value, or the exception to raise. The caller owns a
 * reference. */
struct value *evaluate_late(struct task *task, struct frame *frame, unsigned field);

static inline struct evaluated **frame_evaluated(const struct node *node, struct frame *frame)
{
    return (struct evaluated **)((char *)frame + node->shape->frame_size);
}

#endif
