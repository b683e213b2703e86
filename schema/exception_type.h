/* The hierarchy of exception types: Python's built-in ones, asyncio's, and awaitd's own. A name
 * that is none of them is a child of Exception. Pure. [any] */
#ifndef AWAITD_SCHEMA_EXCEPTION_TYPE_H
#define AWAITD_SCHEMA_EXCEPTION_TYPE_H

#include <stdbool.h>

/* The class's own name, of a name that it has besides: IOError is OSError. */
const char *exception_type_name(const char *type);

/* issubclass(type, wanted) */
bool exception_type_is(const char *type, const char *wanted);

/* A name of letters, digits, '_' and '.': nothing to escape in JSON. */
bool exception_type_is_name(const char *name);
/* And one that jobs and functions may raise: not SystemExit and the like. */
bool exception_type_may_be_raised(const char *name);

#endif
