/* The runs of the server on its database, as the runtime notes them; safe mode (runtime.h). For
 * runtime.c and requests.c. */
#ifndef AWAITD_RUNTIME_RUNS_H
#define AWAITD_RUNTIME_RUNS_H

#include "runtime/runtime_internal.h"

/* Notes this start. Sets runtime->run, and safe mode when there were too many crashes. 0 or -code
 * and *e. [main, before the threads] */
int runs_begin(struct runtime *runtime, struct error *e);
/* Notes that the run ended in order, after the drain. [main] */
void runs_end(struct runtime *runtime);
/* In safe mode, when the drain begins: only the main loop ever had a thread. [router] */
void runs_drop_loops(struct runtime *runtime);

#endif
