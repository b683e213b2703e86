/* A spec compiled: read-only, reference counted atomically, shared by all jobs that run it. Holds
 * no json_t. Pure. [any]
 *
 * Nodes stand in preorder: the first child of node i is i + 1, and nodes[i].next is its next
 * sibling. A node that becomes a task of its own is the root of a code: its frames and those of all
 * nodes below it, down to the next such node, live in that task. Since only one path of a code is
 * active at a time, a node's frame has a fixed offset, and siblings share theirs. */
#ifndef AWAITD_SCHEMA_PLAN_H
#define AWAITD_SCHEMA_PLAN_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/buffer.h"
#include "schema/error.h"
#include "schema/shape.h"
#include "schema/value.h"

#define PLAN_DEPTH_MAX 64      /* nodes above each other */
#define PLAN_NODES_MAX 1000000 /* nodes in one spec */
#define PLAN_NONE UINT32_MAX   /* no such node */

struct text {
    size_t size;
    const char *bytes; /* NUL-terminated */
};

union argument {
    double number;
    int64_t integer; /* integers, booleans, choices and slots */
    const struct text *text;
    struct value *json;       /* immortal */
    const char *const *texts; /* FIELD_TEXT_LIST, FIELD_TEXT_MAP: NULL-terminated */
};

struct node {
    const struct op_shape *shape;
    const union argument *arguments; /* by field index; all zero where absent */
    uint32_t present;                /* bit i: field i was given and is not null */
    uint32_t parent;                 /* PLAN_NONE for the root */
    uint32_t next;                   /* next sibling or PLAN_NONE */
    uint32_t n_children;
    uint32_t frame_offset; /* from the start of its task's frames */
    uint32_t frames_size;  /* for the root of a code: bytes of all its frames; else 0 */
    uint32_t position;     /* index in the parent's list field */
    uint8_t field;         /* index of the parent's field that holds it */
};

struct label {
    struct label *next;
    uint32_t node;
    const char *name;
};

struct plan {
    atomic_uint refs;
    uint32_t n_nodes;
    uint32_t root;            /* the spec's own root: 1 under the task's own timeout, else 0 */
    uint32_t n_slots;         /* names of create_task nodes */
    bool has_effects;         /* any node's shape has */
    const char *const *slots; /* the names, by slot */
    struct node *nodes;
    struct label *labels; /* names of nodes for the tree view, the greatest node first */
    void *blocks;         /* what the plan owns (plan.c) */
};

/* Checks the spec against the table and compiles it. On failure: NULL and at least one item in
 * *errors, with pointers that begin with `at` ("/spec"). `timeout` >= 0 puts the whole spec under a
 * timeout node of that many seconds, the root's own deadline, which is not in the spec (its path is
 * "" as well); < 0: none. Borrows spec during the call. The caller owns a reference. */
struct plan *plan_compile(const json_t *spec, const struct op_table *ops, double timeout,
                          const char *at, struct error_list *errors);

struct plan *plan_ref(struct plan *plan);
void plan_unref(struct plan *plan);

/* Appends the JSON Pointer of node i within the submitted spec ("" for the root). */
void plan_path(const struct plan *plan, uint32_t i, struct buffer *out);

static inline bool node_has(const struct node *node, unsigned field)
{
    return node->present >> field & 1;
}

static inline uint32_t node_first_child(const struct plan *plan, uint32_t i)
{
    return plan->nodes[i].n_children ? i + 1 : PLAN_NONE;
}

#endif
