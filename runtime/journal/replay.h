/* A job does again what it did, from its journal: nothing real is begun, no line is logged, no time
 * passes. Then it stands where it stood when the last entry was written, and goes on: leaves that
 * were under way begin again, deadlines are where they were.
 *
 * At a start, by whoever recovers jobs, before the loop's thread runs; replay_go_live on that
 * thread. The rest is for journal.c and those who ask it. [loop] */
#ifndef AWAITD_RUNTIME_JOURNAL_REPLAY_H
#define AWAITD_RUNTIME_JOURNAL_REPLAY_H

#include "runtime/base/list.h"
#include "runtime/job.h"
#include "runtime/journal/entry.h"

struct replay;

/* Takes what a journal's rows say, one behind the other. The job is new, and held; n_rows: how many
 * they were. False when it does not fit the job: with why, in 300 bytes at most; the job is of no
 * use then, but to be freed. */
bool replay_run(struct job *job, char *entries, size_t size, uint32_t n_rows, char why[300]);

/* Everything is as it was: the job gets turns again, its leaves begin. */
void replay_go_live(struct job *job);

bool replay_goes_on(const struct replay *replay);
void replay_free(struct replay *replay); /* NULL is fine */

/* What was answered in this callback: a number of numbers[0]. */
int64_t replay_answer(struct job *job, enum entry_kind kind);
/* A task begins, or is gone. */
void replay_note_task(struct job *job, struct task *task);
void replay_forget_task(struct job *job, const struct task *task);
/* Semaphores that the job itself passes on in this callback. */
void replay_pass_on(struct job *job);
/* Those who hold named semaphores, or wait for them, by their link, until they are restored. */
struct list *replay_semaphores(struct job *job);

#endif
