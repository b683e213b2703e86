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
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/buffer.h"
#include "schema/error.h"
#include "schema/parameter.h"
#include "schema/reference.h"
#include "schema/shape.h"
#include "schema/value.h"

#define PLAN_DEPTH_MAX 64        /* nodes above each other */
#define PLAN_NODES_MAX 1000000   /* nodes in one spec */
#define PLAN_NONE UINT32_MAX     /* no such node */
#define PLAN_COROUTINES_MAX 1000 /* definitions that one spec may need */

struct text {
    size_t size;
    const char *bytes; /* NUL-terminated */
};

/* Where a name of a coroutine is filed: a variable of a scope. */
struct slot {
    uint32_t scope, variable;
    const char *name;
};

/* A future of the job: nodes of one name await the same one, also those in definitions. */
struct future_name {
    const char *name;
    uint32_t index; /* in plan->futures */
    uint32_t node;  /* the first that awaits it */
};

struct record;

/* What a FIELD_RECORDS was given. */
struct record_list {
    size_t n;
    const struct record *items[];
};

union argument {
    double number;
    int64_t integer;         /* integers, booleans, choices, times, coroutines */
    const struct text *text; /* FIELD_BYTES too: may hold NUL */
    struct value *json;      /* immortal, when it stands in the plan */
    const char *const
        *texts; /* FIELD_TEXT_LIST, FIELD_TEXT_MAP, FIELD_EXCEPTIONS: NULL-terminated */
    const struct slot *slot; /* FIELD_TASK_*, FIELD_TIMEOUT_* */
    const struct future_name *future;
    const struct template *template; /* of a dynamic field, in the plan */
    const struct record *record;
    const struct record_list *records;
};

/* An object with fields of its own within a node. */
struct record {
    uint32_t present; /* bit i: field i of its shape was given and is not null */
    union argument arguments[];
};

static inline bool record_has(const struct record *record, unsigned field)
{
    return record->present >> field & 1;
}

struct node {
    const struct op_shape *shape;
    const union argument *arguments; /* by field index; all zero where absent */
    uint16_t present;                /* bit i: field i was given and is not null */
    uint16_t dynamic;                /* bit i: it holds references */
    uint16_t late;                   /* the same, of fields that the op evaluates itself */
    uint8_t field;                   /* index of the parent's field that holds it */
    bool fails_on_crash; /* "on_crash": "fail": a leaf with effects that a crash cut short fails */
    uint32_t parent;     /* PLAN_NONE for the root */
    uint32_t next;       /* next sibling or PLAN_NONE */
    uint32_t n_children;
    uint32_t frame_offset; /* from the start of its task's frames */
    uint32_t frames_size;  /* for the root of a code: bytes of all its frames; else 0 */
    uint32_t position;     /* index in the parent's list field */
    uint32_t variable;    /* 1 + the variable of the parent's scope that gets its result; 0: none */
    uint32_t n_variables; /* of its own scope, as far as anybody refers to them */
};

struct label {
    struct label *next;
    uint32_t node;
    const char *name;
};

/* A main coroutine (the spec itself: the first one), or a definition that the spec calls, maybe by
 * way of others. */
struct coroutine {
    const char *name;  /* "" for the spec */
    uint32_t root;     /* its node; has no parent */
    uint32_t n_values; /* variables of its SCOPE_ROOT, 1 when there are no names: the arguments */
    struct parameters parameters;
};

struct plan {
    atomic_uint refs;
    uint32_t n_nodes;
    uint32_t root; /* the spec's own root: 1 under the task's own timeout, else 0 */
    uint32_t n_coroutines;
    bool has_effects; /* any node's shape has */
    struct node *nodes;
    struct coroutine *coroutines;
    const struct future_name **futures; /* sorted by their names, n_futures of them */
    uint32_t n_futures;
    struct label *labels; /* names of nodes for the tree view, the greatest node first */
    void *blocks;         /* what the plan owns (plan.c) */
};

/* Where definitions come from: a new reference to {"parameters": …, "body": …}, or NULL when there
 * is none of that name. */
struct coroutine_source {
    json_t *(*find)(void *context, const char *name);
    void *context;
};

/* What is wrong with a node where it would run, though its form is good. */
struct node_complaint {
    int field; /* the index of the field that it is about; -1: the node */
    char text[400];
    const struct coroutine_source *coroutines; /* given: what `call` may call here; or NULL */
};
/* Who knows that: of a node whose fields are compiled. False with a complaint. Fields that hold
 * references are not known yet. */
struct node_check {
    bool (*check)(void *context, const struct node *node, struct node_complaint *complaint);
    void *context;
};

#define TIMEOUT_NONE (-1.0)    /* no own timeout */
#define TIMEOUT_NEVER INFINITY /* one without a deadline, which may be given one later */

struct plan_options {
    const struct op_table *ops;
    const struct coroutine_source *coroutines; /* NULL: there are none */
    const struct node_check *check;            /* NULL: form is all that counts */
    /* >= 0: the whole spec under a timeout node of that many seconds, the root's own deadline,
     * which is not in the spec (its path is "" as well). */
    double timeout;
    const char *at; /* pointers begin with it ("/spec"); NULL: "" */
    /* Gets a new object of the definitions that the spec needs, by name, or NULL when it needs
     * none: a job keeps the version that it began with. NULL: not asked for. */
    json_t **needed;
};

/* Checks the spec against the table and compiles it, together with the definitions that it calls.
 * On failure: NULL and at least one item in *errors. Borrows spec during the call. The caller owns
 * a reference. */
struct plan *plan_compile(const json_t *spec, const struct plan_options *options,
                          struct error_list *errors);

/* Whether this is a good definition, {"parameters"?, "body"}: what it calls need not exist yet.
 * False with at least one item in *errors. */
bool plan_check_definition(const json_t *definition, const struct op_table *ops,
                           const struct node_check *check, struct error_list *errors);

/* The parameters that such an object (NULL: none) describes; their memory is the plan's, which may
 * be one from plan_new. False with at least one item in *errors. */
bool plan_read_parameters(struct plan *memory, const json_t *value, struct parameters *out,
                          struct error_list *errors);

/* The text under which a job is stored: the spec itself, or with the definitions that it needs
 * (NULL: none) {"spec": …, "coroutines": {…}}. NULL when out of memory; the caller frees. */
char *plan_pack(const json_t *spec, const json_t *needed);
/* plan_compile of such a text; options->at, coroutines and needed are not used. */
struct plan *plan_compile_packed(const char *text, const struct plan_options *options,
                                 struct error_list *errors);

struct plan *plan_ref(struct plan *plan);
void plan_unref(struct plan *plan);

/* Appends the JSON Pointer of node i within the submitted spec ("" for the root); of one in a
 * definition "/coroutines/NAME/body" and so on. */
void plan_path(const struct plan *plan, uint32_t i, struct buffer *out);

static inline bool node_has(const struct node *node, unsigned field)
{
    return node->present >> field & 1;
}

/* The same as a JSON string. */
void plan_path_json(const struct plan *plan, uint32_t i, struct buffer *out);

/* Bytes of the node's frame: with references, behind the op's there is a pointer to what they came
 * to. */
static inline uint32_t node_frame_size(const struct node *node)
{
    return node->shape->frame_size + (node->dynamic ? (uint32_t)sizeof(void *) : 0);
}

/* NULL: no node awaits one of that name. */
const struct future_name *plan_find_future(const struct plan *plan, const char *name);

/* The coroutine that a root node belongs to. */
const struct coroutine *plan_coroutine(const struct plan *plan, uint32_t root);

static inline uint32_t node_first_child(const struct plan *plan, uint32_t i)
{
    return plan->nodes[i].n_children ? i + 1 : PLAN_NONE;
}

#endif
