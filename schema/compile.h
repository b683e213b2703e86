/* What plan.c and the compiler share: how a plan comes to be. Nobody else needs it. [any] */
#ifndef AWAITD_SCHEMA_COMPILE_H
#define AWAITD_SCHEMA_COMPILE_H

#include "schema/plan.h"

struct plan *plan_new(void);
/* Memory that lives as long as the plan, aligned to 8; NULL when there is none. */
void *plan_allocate(struct plan *plan, size_t size);

/* A spec on its way to a plan. */
struct compiler {
    struct plan *plan;
    const struct op_table *ops;
    struct error_list *errors;
    struct buffer path;           /* JSON Pointer of what is being looked at */
    uint32_t capacity;            /* of plan->nodes */
    uint32_t depth;               /* nodes above the one being looked at */
    bool out_of_memory, too_many; /* said once, at the end */
    json_t *slots;                /* name -> slot, of create_task nodes; NULL before the first */
    struct name_use {             /* names to be resolved once all are known */
        struct name_use *next;
        const char *name; /* borrowed from the spec */
        char *pointer;
        union argument *argument;
    } * uses;
};

/* ---- pointer.c ---- */

/* Complains about what the path points to. */
void compile_error(struct compiler *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends "/key" (escaped) or "/index" to the path; returns what to hand to compile_leave. */
size_t compile_enter(struct compiler *c, const char *key);
size_t compile_enter_index(struct compiler *c, size_t index);
void compile_leave(struct compiler *c, size_t mark);

/* ---- field.c ---- */

/* Checks one field that holds no nodes, and compiles it into *out. The path points to it.
 * False when it was not acceptable (and was complained about). */
bool compile_field(struct compiler *c, const struct field_shape *field, const json_t *value,
                   union argument *out);

/* A string of 1 to NAME_MAX_CHARACTERS characters. */
#define NAME_MAX_CHARACTERS 200
bool compile_is_name(const json_t *value);

/* "must be WANTED, not a string"; returns false. */
bool compile_wrong_type(struct compiler *c, const char *wanted, const json_t *value);

/* ---- text.c ---- */

bool compile_has_dollar_brace(const json_t *string);
/* A copy that lives as long as the plan; NULL when out of memory. */
const struct text *compile_keep_text(struct compiler *c, const char *bytes, size_t size);
/* Any JSON value as a constant; `$${` in its strings becomes `${`. False when refused. */
bool compile_json(struct compiler *c, const json_t *value, union argument *out);
/* A text without NUL that holds no reference; `$${` becomes `${`. NULL when refused. */
const struct text *compile_text(struct compiler *c, const json_t *value);

#endif
