/* A host around another one that writes down all that comes from outside: each answer to what the
 * engine asks, and, with the turns that it came between, each thing that comes unasked. Given to a
 * fresh engine (replay.h), that makes the job do the same again: what resuming a job after a crash
 * stands on. */
#ifndef AWAITD_TESTS_SIM_RECORD_H
#define AWAITD_TESTS_SIM_RECORD_H

#include "runtime/loop.h"
#include "tests/sim/watch.h"

/* A run, as bytes. */
struct recording {
    struct buffer answers; /* a tape of what came from outside: all that the replay is given */
    struct buffer deeds;   /* a tape of what the engine did, which the replay is held against */
};
void recording_release(struct recording *recording);

struct recorder {
    struct host host; /* first: the engine's host is the recorder */
    struct host *inner;
    struct recording *recording;
    struct watch watch; /* the loop's observer */
};

/* All of it is borrowed. The loop's observer must be the recorder's watch. */
void recorder_init(struct recorder *recorder, struct host *inner, const struct plan *plan,
                   struct recording *recording);
void recorder_release(struct recorder *recorder);

/* The driver says what it is about to do to the engine; timers tell themselves. */
void recorder_turn(struct recorder *recorder, uint32_t slice);            /* loop_give_turns */
void recorder_exited(struct recorder *recorder, struct process *process); /* process->ended */
void recorder_answered(struct recorder *recorder,
                       struct operation *operation); /* operation->ended */
void recorder_cancelled(struct recorder *recorder, const char *message);
void recorder_rescheduled(struct recorder *recorder, const char *name, double seconds);

/* The requests from outside, as the recorded run and the replay both make them. */
void request_cancel(struct job *job, const char *message); /* message: or NULL */
/* name NULL: the job's own timeout. seconds: from the callback on; INFINITY: none */
void request_reschedule(struct job *job, const char *name, double seconds);

#endif
