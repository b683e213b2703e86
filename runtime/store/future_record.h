/* What a future of a task was set to, as it is asked for, stored and handed between threads. [any]
 */
#ifndef AWAITD_RUNTIME_STORE_FUTURE_RECORD_H
#define AWAITD_RUNTIME_STORE_FUTURE_RECORD_H

#include "schema/id.h"

/* Texts are UTF-8 and NUL-terminated; whose they are, the holder says. */
struct future_record {
    struct id task;
    const char *name;
    const char *result;         /* compact JSON; or NULL: an exception was set */
    const char *type, *message; /* the exception's; message: or NULL */
};

#endif
