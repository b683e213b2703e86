/* A leaf with effects begins only once all that led to it is on disk: so a leaf that is done, and
 * was seen to be by what came after it, is never run again. Until then it is held; and so are
 * answers to those who asked for something that only the journal keeps. [loop]
 *
 *   HELD ──on disk──► begun           (never begun, when it is killed or dropped before) */
#ifndef AWAITD_RUNTIME_JOURNAL_LEAF_H
#define AWAITD_RUNTIME_JOURNAL_LEAF_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/journal/entry.h"

struct job;
struct loop;
struct task;

/* What is raised where a leaf that must not begin again was under way when the server stopped. */
#define CRASHED_ERROR "CrashedError"
#define CRASHED_MESSAGE "the server stopped while this was under way, and on_crash is \"fail\""

/* Something that is put off until what happened before is on disk. */
struct held {
    struct list link;
    uint64_t flush; /* that it waits for; UINT64_MAX: the next one */
    void (*release)(struct held *held);
};

/* Calls release once all entries of the job that there are now are on disk, maybe at once. */
void job_hold(struct job *job, struct held *held);
/* What is held waits for the next flush: something was noted that comes first. */
void job_hold_on(struct job *job);
/* A flush is on disk, or the job itself is: what waited for it. */
void job_release_held(struct job *job);

/* Part of what carries out a leaf: a process, an operation. */
struct leaf {
    struct held held;
    bool is_held;
    bool is_pure;       /* nobody can tell how often it ran: it need not be held */
    bool has_begun;     /* of those that must not begin twice: it is on disk that it begins */
    bool has_crashed;   /* it had begun when the server stopped, and must not begin again */
    uint32_t n_crashes; /* in a row at which it was running inside the server */
    int signal;         /* not 0: killed by that before it began */
    struct task *task;  /* whose leaf it is */
    void (*begin)(struct leaf *leaf); /* once; has_crashed, signal: it is over instead */
};

/* leaf->begin is set, and is called now or later. */
void leaf_begin(struct leaf *leaf, struct task *task);
/* What the journal says of one that is held, ENTRY_BEGAN or ENTRY_CRASHED: false for anything else.
 */
bool leaf_replay(struct leaf *leaf, const struct journal_entry *entry);
/* After a replay, of one that is held: it was under way when the server stopped, or about to be. */
void leaf_resume(struct leaf *leaf);
/* False when it has begun. Else its begin will not be called. */
bool leaf_drop(struct leaf *leaf);

#endif
