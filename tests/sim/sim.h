/* Runs one job on the real engine under a simulated host: virtual time, no thread, no I/O. What the
 * spec tests and the unit tests of the engine stand on. Each run is recorded (record.h).
 *
 * Under noise time is as unruly as a real one, from a seed: each look at the clock takes a little,
 * timers and requests come late and in bunches, processes end later or cannot be started, the wall
 * clock jumps, turns are cut into slices. What comes of the job then is anybody's guess.
 *
 * Subprocesses are simulated too. argv[0] must be "sim"; the other arguments say what it does:
 *   after=SECONDS (0)  exit=CODE (0)  stdout=TEXT  stderr=TEXT  ignore_term (only SIGKILL ends it)
 * It ends after SECONDS of virtual time; SIGTERM ends it at once with returncode -15, SIGKILL with
 * -9. */
#ifndef AWAITD_TESTS_SIM_SIM_H
#define AWAITD_TESTS_SIM_SIM_H

#include <jansson.h>
#include <stdint.h>

#include "runtime/store/future_record.h"
#include "runtime/store/record.h"
#include "tests/sim/record.h"

struct sim_cancel {
    double at; /* seconds after the start: a timer's callback calls root.cancel(message) then */
    const char *message; /* or NULL */
};

struct sim_reschedule {
    double at;
    const char *name; /* of a timeout node that is active then; NULL: the job's own */
    double seconds;   /* from then; INFINITY: none */
};

struct sim_future {
    double at;
    struct future_record set; /* its name, and to what */
};

struct sim_jump {
    double at;
    double seconds; /* how far somebody sets the wall clock then, forward or back */
};

struct sim_case {
    const json_t *spec;
    double timeout;           /* TIMEOUT_NONE, TIMEOUT_NEVER or seconds */
    const json_t *coroutines; /* definitions by name, or NULL */
    const struct sim_cancel *cancels;
    size_t n_cancels;
    const struct sim_reschedule *reschedules;
    size_t n_reschedules;
    const struct sim_future *futures;
    size_t n_futures;
    const struct sim_jump *jumps;
    size_t n_jumps;
    uint64_t noise; /* the seed; 0: none */
    /* 0: never. After so many rounds that left entries in the journal the server dies, and goes on
     * from what was on disk then; and again after so many. Leaves that were under way end when they
     * would have. Such a run is not recorded. */
    uint32_t crash_every;
    bool leaves_first; /* then those begun again end before timers of the same time, else after */
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
    struct recording recording;
};

/* The case's spec with the definitions that it calls. *job: as a server would store it (plan_pack).
 * NULL when the spec is invalid, with *why. The caller frees both. */
struct plan *sim_compile(const struct sim_case *c, char **job, char **why);
/* Runs the plan, which is borrowed. False when the job would wait for ever. End with
 * sim_outcome_release. */
bool sim_run(struct plan *plan, const struct sim_case *c, struct sim_outcome *out);
void sim_outcome_release(struct sim_outcome *out);

#endif
