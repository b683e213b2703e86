/* The hierarchy of exception types: Python's built-in ones, asyncio's, and awaitd's own. A name
 * that is none of them is a child of Exception. Pure. [any] */
#ifndef AWAITD_SCHEMA_EXCEPTION_TYPE_H
#define AWAITD_SCHEMA_EXCEPTION_TYPE_H

#include <stdbool.h>

/* The class's own name, of a name that it has besides: IOError is OSError. */
const char *exception_type_name(const char *type);

/* issubclass(type, wanted) */
bool exception_type_is(const char *type, const char *wanted);

/* Whether it can be the name of a type at all; and that of an exception that a job may raise. */
bool exception_is_name(const char *name);
bool exception_may_be_raised(const char *name);
/* What is said of one that may not; for printf, with the name. */
#define EXCEPTION_REFUSAL                                                                          \
    "'%.100s' is no exception that a job may raise: a name of letters, digits, '_' and '.', but "  \
    "not BaseException, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration or "           \
    "StopAsyncIteration"

#endif
