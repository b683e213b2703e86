/* Runs one job on the real engine under a simulated host: virtual time, no thread, no I/O. What the
 * spec tests and the unit tests of the engine stand on.
 *
 * Subprocesses are simulated too. argv[0] must be "sim"; the other arguments say what it does:
 *   after=SECONDS (0)  exit=CODE (0)  stdout=TEXT  stderr=TEXT  ignore_term (only SIGKILL ends it)
 * It ends after SECONDS of virtual time; SIGTERM ends it at once with returncode -15, SIGKILL with
 * -9. */
#ifndef AWAITD_TESTS_SIM_SIM_H
#define AWAITD_TESTS_SIM_SIM_H

#include <jansson.h>
#include <stdint.h>

#include "runtime/store/record.h"

struct sim_cancel {
    double at; /* seconds after the start: a timer's callback calls root.cancel(message) then */
    const char *message; /* or NULL */
};

struct sim_reschedule {
    double at;
    const char *name; /* of a timeout node that is active then; NULL: the job's own */
    double seconds;   /* from then; INFINITY: none */
};

struct sim_case {
    const json_t *spec;
    double timeout;           /* TIMEOUT_NONE, TIMEOUT_NEVER or seconds */
    const json_t *coroutines; /* definitions by name, or NULL */
    const struct sim_cancel *cancels;
    size_t n_cancels;
    const struct sim_reschedule *reschedules;
    size_t n_reschedules;
};

struct sim_log {
    double at; /* seconds after the start */
    char *level, *message, *path;
};

struct sim_outcome {
    struct task_record *ended; /* NULL when the job would wait for ever */
    double took;               /* virtual seconds from its start to its end */
    struct sim_log *log;
    size_t n_log;
};

/* Compiles and runs. 0; or -1, when the spec is invalid or the job would wait for ever, with *why
 * (caller frees). End with sim_outcome_release. */
int sim_run(const struct sim_case *c, struct sim_outcome *out, char **why);
void sim_outcome_release(struct sim_outcome *out);

#endif
