/* Jobs that bring the server down, again and again: a function that runs in a thread of the server
 * is all of a job that can. Those that were running when the process died are marked
 * (store/mark.h); a leaf counts at how many crashes in a row it was one of them, in the job's
 * journal. At so many its job ends here, and is not run again. For recover.c. */
#ifndef AWAITD_RUNTIME_QUARANTINE_H
#define AWAITD_RUNTIME_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

struct job;
struct crash_mark;
struct runtime;

#define POISON_ERROR "PoisonError"

struct quarantine {
    struct crash_mark *marks; /* sorted; n of them */
    size_t n;
    unsigned limit; /* crashes */
};

/* Without any marks, unless jobs ran in the run that crashed. [main, or router] */
void quarantine_init(struct quarantine *quarantine, const struct runtime *runtime);
void quarantine_release(struct quarantine *quarantine);

/* The job is new, or was replayed, and is in no loop yet. True: it has ended. False: it knows what
 * of it was running. [as above] */
bool quarantine_take(const struct quarantine *quarantine, struct job *job);

#endif
