/* Writes down all that an engine does, in its order: each callback with the node of its task, each
 * timer, each process, each line of the log, the end; or holds it against what another run did, and
 * complains at the first difference. */
#ifndef AWAITD_TESTS_SIM_WATCH_H
#define AWAITD_TESTS_SIM_WATCH_H

#include "runtime/loop.h"
#include "tests/sim/census.h"
#include "tests/sim/tape.h"

struct watch {
    struct loop_observer observer; /* first: the loop's observer is the watch */
    const struct plan *plan;
    struct buffer *fired;      /* a tape that gets FIRED; or NULL */
    struct buffer *deeds;      /* a tape that gets what the engine does; or NULL: */
    struct tape_reader former; /* what another run did, which this one is held against */
    struct tape_entry last;    /* of it: what both did */
    struct buffer complaint;   /* empty: there is no difference */
    struct census timers, processes, operations;
};

/* Writes to the tapes. */
void watch_init(struct watch *watch, const struct plan *plan, struct buffer *fired,
                struct buffer *deeds);
/* Holds against a tape that another one wrote. */
void watch_init_against(struct watch *watch, const struct plan *plan, const struct buffer *former);
void watch_release(struct watch *watch);

/* The first complaint is kept; begins with "replay: ". */
void watch_complain(struct watch *watch, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline bool watch_has_complaint(const struct watch *watch)
{
    return watch->complaint.size > 0;
}

/* What the engine did; the observer notes callbacks and timers by itself. */
void watch_note(struct watch *watch, const struct tape_entry *deed);
void watch_logged(struct watch *watch, const struct log_entry *entry);
void watch_ended(struct watch *watch, const struct task_record *record);
uint32_t watch_spawned(struct watch *watch, struct process *process); /* its number */
void watch_killed(struct watch *watch, struct process *process, int signal);
void watch_abandoned(struct watch *watch, struct process *process);
void watch_began(struct watch *watch, struct operation *operation);
void watch_gave_up(struct watch *watch, struct operation *operation);
/* Nothing more is to come: complains when the other run did more. */
void watch_end(struct watch *watch);

#endif
