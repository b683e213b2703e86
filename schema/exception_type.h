/* The hierarchy of exception types: Python's built-in ones, asyncio's, and awaitd's own. A name
 * that is none of them is a child of Exception. Pure. [any] */
#ifndef AWAITD_SCHEMA_EXCEPTION_TYPE_H
#define AWAITD_SCHEMA_EXCEPTION_TYPE_H

#include <stdbool.h>

/* issubclass(type, wanted) */
bool exception_type_is(const char *type, const char *wanted);

#endif
