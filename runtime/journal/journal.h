/* The journal of a job: all that came to it from outside, in order, so that it can go on where it
 * stood when the process dies. What a job does is a function of its plan and of that.
 *
 * Whoever brings something to a job says so here, first. At the end of each round of its thread the
 * loop hands the new entries of all its jobs to the store, as one request of one transaction, with
 * whatever else came of the round: what is on disk is always how things stood at the end of a
 * round. A job that ends in the round of its last entries needs none of them. replay.h goes the
 * other way. [loop] */
#ifndef AWAITD_RUNTIME_JOURNAL_JOURNAL_H
#define AWAITD_RUNTIME_JOURNAL_JOURNAL_H

#include "runtime/base/list.h"
#include "runtime/job.h"
#include "runtime/journal/entry.h"
#include "runtime/loop.h"

struct future_record;
struct leaf;
struct crash_mark;
struct operation;
struct process;
struct replay;

/* Of one job; made when it is first needed, and freed with it. */
struct journal {
    struct job *job;
    struct list dirty; /* in loop->journals.dirty, while there are entries to hand over */
    struct buffer entries;
    struct entry_base base;
    int64_t n_printed;        /* lines that are to be an entry */
    uint64_t flush;           /* the one that had the last of its entries; 0: none yet */
    uint32_t n_rows;          /* so far */
    bool was_cancelled;       /* a replay has seen that it was asked for */
    bool begins_nothing;      /* no leaf, before it is told that it was cancelled */
    struct list held;         /* leaf.h */
    struct crash_mark *marks; /* n_marks: what of it was running when the server crashed, and was
                               * not found yet */
    size_t n_marks;
    struct replay *replay; /* NULL, but from a start until all is as it was: replay.h */
};

struct journal *journal_of(struct job *job);
void journal_free(struct journal *journal);

/* While it does again what it did: nothing is told, and nothing begun. */
bool journal_is_replaying(const struct job *job);

/* The time for deadlines of the job's: what the host says, or, after a replay, when it was last
 * heard of, until there is more. */
int64_t journal_now_ns(const struct job *job);
/* The same for a new deadline, which is noted if it is long since the last entry. */
int64_t journal_deadline_base_ns(struct job *job);

/* ---- what comes between callbacks ---- */

void journal_fired(struct timed_frame *frame);
/* It has ended: before the op hears of it. */
void journal_exited(struct task *task, const struct process *process);
void journal_answered(struct task *task, const struct operation *operation);
void journal_cancelled(struct job *job, const struct value *message);
/* name NULL: the job's own timeout; at_us 0: after so many seconds, or INFINITY. */
void journal_rescheduled(struct job *job, const char *name, double seconds, int64_t at_us);
void journal_future_set(struct job *job, uint32_t index, const struct future_record *record);
void journal_printed(struct job *job, int64_t n_lines);
void journal_granted(struct task *task);
void journal_began(struct task *task);
void journal_crashed(struct task *task, unsigned n_crashes);
/* Whether this was running when the server crashed; from now on it was not. */
bool journal_take_mark(struct task *task);
/* The leaf there, after a replay; NULL: it has not come to it yet. */
struct leaf *journal_find_leaf(const struct job *job, const struct crash_mark *mark);

/* ---- what a callback asks: the answer, and then always the same one ---- */

double journal_chance(struct job *job);
bool journal_choice(struct job *job, bool choice);
void journal_acquired(struct job *job, bool is_held);

/* ---- handing over ---- */

/* It is about to run callbacks: how far it came is to be on disk with what comes of them, which may
 * be lines of its log, or a semaphore that somebody else gets. */
void journal_goes_on(struct job *job);

struct journal_row;
/* Takes all new entries of jobs that are on disk: n rows (the caller frees their `entries`, and
 * them); NULL when there are none. The flush that they go with: loop->journals.n_flushes. */
struct journal_row *journal_collect(struct loop *loop, size_t *n);

#endif
