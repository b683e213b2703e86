/* Exceptions of jobs: values that flow up the tree (schema/value.h has their form). [loop] */
#ifndef AWAITD_RUNTIME_EXCEPTION_H
#define AWAITD_RUNTIME_EXCEPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/plan.h"
#include "schema/value.h"

struct job;

struct exception_parts {
    const char *type;         /* a name without anything to escape */
    const char *message;      /* UTF-8; NULL: "" */
    const char *details;      /* JSON text or NULL */
    struct value *cause;      /* `raise … from cause`, or NULL; borrowed */
    struct value *exceptions; /* a list of them, of a group; taken. NULL: it is none */
    bool hides_context;       /* raised `from None` */
};

/* A new exception, raised by a node of the plan. The caller owns a reference. */
struct value *exception_new(const struct plan *plan, uint32_t node,
                            const struct exception_parts *parts);

/* CancelledError with a message (JSON string value, borrowed) or without (NULL). */
struct value *exception_cancelled(const struct plan *plan, uint32_t node,
                                  const struct value *message);

/* Another one that says the same, without a context. */
struct value *exception_copy(const struct value *exception);

/* `raise type(message)`: of the class of that name (schema/exception_type.h). message: UTF-8, or
 * NULL for none. */
struct value *exception_raised(const struct plan *plan, uint32_t node, const char *type,
                               const char *message);

/* KeyError, whose message is the repr of its key, as str(KeyError(key)) is in Python. */
struct value *exception_key_error(const struct plan *plan, uint32_t node, const char *key);

/* Appends a text as Python's repr() has it; characters beyond ASCII stand as they are. */
void exception_write_repr(struct buffer *b, const char *text);

static inline bool exception_is_cancelled(const struct value *value)
{
    return value->kind == VALUE_EXCEPTION && ((const struct exception *)value)->is_cancelled;
}

/* What `raise` and throw() do to the context: exception.__context__ = handled, as
 * _PyErr_SetObject in CPython's Python/errors.c does it, without making circles. */
void exception_set_context(struct job *job, struct value *exception, struct value *handled);
/* Before the job goes: exceptions that hold each other let go. */
void exception_drop_contexts(struct job *job);

/* isinstance(exception, type), or one of the types (NULL-terminated). */
bool exception_is(const struct value *exception, const char *type);
bool exception_is_one_of(const struct value *exception, const char *const *types);

/* str() of a BaseExceptionGroup: the message and how many they are. */
void exception_write_group_message(struct buffer *b, const char *message, size_t n);

/* BaseExceptionGroup(message, exceptions): an ExceptionGroup when all of them are Exceptions. Takes
 * the list. */
struct value *exception_group(const struct plan *plan, uint32_t node, const char *message,
                              struct value *exceptions, bool hides_context);

#endif
