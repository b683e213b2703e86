/* The start after a stop: jobs that had not ended go on where they stood. */
#ifndef AWAITD_RUNTIME_RECOVER_H
#define AWAITD_RUNTIME_RECOVER_H

#include "runtime/runtime.h"

/* Reads what is open in the store and makes jobs of it. 0 or -code and *e. [main, before the
 * thread] */
int runtime_recover(struct runtime *runtime, struct error *e);

#endif
