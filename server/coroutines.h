/* Definitions, for those who submit what calls them. [http] */
#ifndef AWAITD_SERVER_COROUTINES_H
#define AWAITD_SERVER_COROUTINES_H

#include <jansson.h>

#include "server/request.h"

/* Where a submission's definitions come from: each is read at most once, and none when it calls
 * none. Start with {request}, end with definitions_release. */
struct definitions {
    struct request *request;
    json_t *missing; /* names that were looked for in vain; NULL: none */
    int status;      /* 0, or -code and `error`: the store could not be read */
    struct error error;
};

/* A coroutine_source's `find` (schema/plan.h); the context is a struct definitions. */
json_t *definitions_find(void *context, const char *name);
void definitions_release(struct definitions *definitions);

#endif
