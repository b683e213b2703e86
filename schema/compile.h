/* What the files of the compiler share: how a plan comes to be. Nobody else needs it. [any] */
#ifndef AWAITD_SCHEMA_COMPILE_H
#define AWAITD_SCHEMA_COMPILE_H

#include "schema/field.h"
#include "schema/plan.h"

/* What nodes below may refer to, innermost first: each lives on the C stack while its node's
 * children are compiled. */
struct lexical {
    struct lexical *outer;
    uint32_t node;    /* whose scope it is; PLAN_NONE: the coroutine's */
    json_t *steps;    /* SCOPE_STEPS: name -> node of the step; NULL before the first */
    const char *name; /* SCOPE_VALUE: the variable's; or, with is_timeout, the timeout's */
    bool is_timeout;  /* for `reschedule` only */
};

/* A name to be resolved once all of its coroutine is known. */
struct name_use {
    struct name_use *next;
    char *pointer;
    struct slot *slot;
    bool is_timeout;
};

/* A spec on its way to a plan. */
struct compiler {
    struct plan *plan;
    const struct op_table *ops;
    const struct coroutine_source *source;
    const struct node_check *check; /* NULL: none */
    struct error_list *errors;
    struct buffer path;           /* JSON Pointer of what is being looked at */
    const char *place;            /* what is complained about instead, in definitions; or NULL */
    uint32_t capacity;            /* of plan->nodes */
    uint32_t depth;               /* nodes above the one being looked at */
    size_t n_failures;            /* of allocations, when it began */
    bool out_of_memory, too_many; /* said once, at the end */
    bool is_loose;                /* coroutines need not exist */
    bool is_type_error;           /* the last complaint was about a value's type */
    bool is_lenient;              /* references stand for values that nobody knows yet */
    bool is_evaluated;            /* strings have neither references nor escapes: they are what a
                                     job made of them */
    struct lexical *lexical;

    /* of the coroutine that is being compiled */
    json_t *tasks, *timeouts; /* name -> variable of SCOPE_ROOT; NULL before the first */
    uint32_t n_values;
    struct name_use *uses;

    json_t *futures; /* name -> where it stands in plan->futures until all are known; NULL before */

    json_t *no_arguments; /* {}; NULL before the first use */

    /* the definitions that are needed: plan->coroutines[i] is that of definitions[i] */
    json_t *needed; /* name -> definition */
    struct definition {
        json_t *body;     /* borrowed from needed; NULL: the spec itself */
        char *first_call; /* pointer to the first call in the spec that needs it */
    } * definitions;
};

/* ---- pointer.c ---- */

/* Then what is there of the plan is not to be looked at, and nothing is to be believed. */
bool compile_is_out_of_memory(const struct compiler *c);
/* Complains about what the path points to. */
void compile_error(struct compiler *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends "/key" (escaped) or "/index" to the path; returns what to hand to compile_leave. */
size_t compile_enter(struct compiler *c, const char *key);
size_t compile_enter_index(struct compiler *c, size_t index);
void compile_leave(struct compiler *c, size_t mark);

/* ---- compile.c ---- */

const struct op_shape *compile_find_op(const struct op_table *ops, const char *name);
/* The new node's index, PLAN_NONE when there can be no more. Its parent's frame ends where its own
 * begins, unless it is the root of a code. */
uint32_t compile_add_node(struct compiler *c, const struct op_shape *shape, uint32_t parent,
                          bool is_code_root);
/* Makes the frames of the code that i belongs to large enough for i's. */
void compile_reserve_frame(struct plan *plan, uint32_t i, uint32_t code);

/* A node with all below it. code: the root of the code that it runs in; PLAN_NONE: its own. Its
 * index, or PLAN_NONE when it could not be made; errors below it are reported all the same. */
uint32_t compile_node(struct compiler *c, const json_t *spec, uint32_t parent, uint32_t code);

/* ---- shape.c ---- */

/* What any node with effects may have. */
#define FIELD_ON_CRASH "on_crash"
/* Whether a value of it, to which the path points, says that the node fails; complains when it is
 * none. */
bool compile_on_crash(struct compiler *c, const json_t *value);
/* NULL: the shape has none of that name. */
const struct field_shape *compile_find_field(const struct op_shape *shape, const char *name);
/* Complains about a field that the shape does not have. */
void compile_refuse_unknown(struct compiler *c, const struct op_shape *shape, const char *key);
/* Complains unless exactly one of shape->one_of was given; whether it was. */
bool compile_check_one_of(struct compiler *c, const struct op_shape *shape, uint32_t given);

/* ---- record.c ---- */

/* A FIELD_RECORD, FIELD_RECORDS or FIELD_BYTES. False when it is refused. */
bool compile_record_field(struct compiler *c, const struct field_shape *field, const json_t *value,
                          union argument *out);

/* ---- field.c ---- */

/* Checks one field that holds no nodes and no references, and compiles it into *out. The path
 * points to it. False when it was not acceptable (and was complained about). */
bool compile_field(struct compiler *c, const struct field_shape *field, const json_t *value,
                   union argument *out);

/* A string of 1 to NAME_MAX_CHARACTERS characters. */
#define NAME_MAX_CHARACTERS 200
bool compile_is_name(const json_t *value);
/* The same without references; complains when it is not. */
bool compile_check_name(struct compiler *c, const json_t *value);

/* "must be WANTED, not a string"; returns false. */
bool compile_wrong_type(struct compiler *c, const char *wanted, const json_t *value);

/* ---- text.c ---- */

/* The string has a reference, not only escaped ones. */
bool compile_is_reference(const char *string);
/* Any string in the value, but not in the keys of its objects, has one. */
bool compile_has_references(const json_t *value);
/* A copy that lives as long as the plan; NULL when out of memory. */
const struct text *compile_keep_text(struct compiler *c, const char *bytes, size_t size);
/* Any JSON value without references as a constant; `$${` in its strings becomes `${`. False when
 * refused. */
bool compile_json(struct compiler *c, const json_t *value, union argument *out);
/* The value as it stands, and one without escapes (a new reference; NULL: no memory). */
bool compile_constant(struct compiler *c, const json_t *value, union argument *out);
json_t *compile_unescape(struct compiler *c, const json_t *value);
/* A text without NUL and references; `$${` becomes `${`. NULL when refused. */
const struct text *compile_text(struct compiler *c, const json_t *value);

/* ---- template.c ---- */

/* What can be seen of a field with references before they are evaluated. False when it is refused.
 */
bool compile_check_form(struct compiler *c, const struct field_shape *field, const json_t *value);
/* A field that holds references. False when it is refused. */
bool compile_template(struct compiler *c, const struct field_shape *field, const json_t *value,
                      union argument *out);
/* A step of a sequence that later ones may refer to. */
void lexical_add_step(struct compiler *c, struct lexical *lexical, const json_t *name,
                      uint32_t node);
void lexical_release(struct lexical *lexical);

/* ---- names.c: create_task, timeout, and who refers to them; futures ---- */

bool compile_task_name(struct compiler *c, enum field_type type, const json_t *value,
                       union argument *out);
/* FIELD_FUTURE, of the node that was added last. */
bool compile_future(struct compiler *c, const json_t *value, union argument *out);
/* At the end of all: sorts them. */
void compile_sort_futures(struct compiler *c);
/* At the end of a coroutine: complains about names that nobody has, forgets the rest. */
void compile_resolve_names(struct compiler *c);

/* ---- coroutine.c ---- */

/* FIELD_COROUTINE: the definition of that name is needed. */
bool compile_coroutine(struct compiler *c, const json_t *value, union argument *out);
/* FIELD_ARGUMENTS of a call of that coroutine; spec: the node. */
bool compile_arguments(struct compiler *c, const json_t *value, int64_t coroutine, bool is_dynamic,
                       union argument *out);
/* One more in the plan, without a body yet. NULL when out of memory. */
struct coroutine *coroutine_add(struct compiler *c, const char *name, json_t *body);
struct parameters compile_parameters(struct compiler *c, const json_t *value);

#endif
