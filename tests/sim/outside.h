/* The world outside of simulated jobs: what comes of their operations, and when. */
#ifndef AWAITD_TESTS_SIM_OUTSIDE_H
#define AWAITD_TESTS_SIM_OUTSIDE_H

#include "runtime/host.h"
#include "runtime/operation.h"
#include "runtime/services.h"

/* Fills in the answer; the seconds of virtual time that it takes to come. */
double outside_answer(struct operation *operation);

/* Of one kind each: outside_call.c, outside_http.c, outside_stream.c */
double outside_call(struct operation *operation);
double outside_fetch(struct operation *operation);
double outside_talk(struct operation *operation);
struct functions *outside_functions(void);

/* What a process has printed comes now, all at once: just before it ends. */
void outside_print(struct process *process);

/* What simulated jobs may use; for loops, and for checking specs. */
const struct services *outside_services(void);

#endif
