/* Fields that get their value only when a node runs. Pure. [any] */
#ifndef AWAITD_SCHEMA_FIELD_H
#define AWAITD_SCHEMA_FIELD_H

#include "schema/plan.h"

struct field_error {
    bool is_type;     /* a value of the wrong type, else one that is out of range */
    const char *text; /* "must be a number, not a string" */
};

/* Checks the value as the compiler would have done in the spec. Into *out, whose memory belongs to
 * `memory` (from plan_new); or false and *e, whose text lives as long. */
bool field_check(struct plan *memory, const struct field_shape *field, const json_t *value,
                 union argument *out, struct field_error *e);

/* Whether it is compiled to an argument, and not to children. */
static inline bool field_has_argument(const struct field_shape *field)
{
    return field->type != FIELD_NODE && field->type != FIELD_NODES && field->type != FIELD_CLAUSES;
}

/* A plan that is nothing but memory: for field_check. NULL when there is none. */
struct plan *plan_new(void);
/* Memory that lives as long as the plan, aligned to 8; NULL when there is none. */
void *plan_allocate(struct plan *plan, size_t size);

#endif
