/* Exceptions of jobs: values that flow up the tree (schema/value.h has their form). [loop] */
#ifndef AWAITD_RUNTIME_EXCEPTION_H
#define AWAITD_RUNTIME_EXCEPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/plan.h"
#include "schema/value.h"

struct exception_parts {
    const char *type;            /* a name without anything to escape */
    const char *message;         /* UTF-8; NULL: "" */
    const char *details;         /* JSON text or NULL */
    const struct value *context; /* an exception that was being handled, or NULL; borrowed */
};

/* A new exception, raised by a node of the plan. The caller owns a reference. */
struct value *exception_new(const struct plan *plan, uint32_t node,
                            const struct exception_parts *parts);

/* CancelledError with a message (JSON string value, borrowed) or without (NULL). */
struct value *exception_cancelled(const struct plan *plan, uint32_t node,
                                  const struct value *message);

/* KeyError, whose message is the repr of its key, as str(KeyError(key)) is in Python. */
struct value *exception_key_error(const struct plan *plan, uint32_t node, const char *key);

/* Appends a text as Python's repr() has it; characters beyond ASCII stand as they are. */
void exception_write_repr(struct buffer *b, const char *text);

static inline bool exception_is_cancelled(const struct value *value)
{
    return value->kind == VALUE_EXCEPTION && ((const struct exception *)value)->is_cancelled;
}

/* The error object's JSON text, base.size - EXCEPTION_WRAPPING bytes. */
static inline const char *exception_json(const struct value *value)
{
    return ((const struct exception *)value)->json;
}

#endif
