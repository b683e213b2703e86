/* What was asked of a job from outside, once more: the same callbacks, whose answers nobody waits
 * for. For replay.c. [loop] */
#ifndef AWAITD_RUNTIME_JOURNAL_REPLAY_CALL_H
#define AWAITD_RUNTIME_JOURNAL_REPLAY_CALL_H

#include "runtime/job.h"
#include "runtime/store/future_record.h"

/* Takes the name (NULL: the job's own timeout); at_us 0: after so many seconds. */
void replay_call_reschedule(struct job *job, char *name, double seconds, int64_t at_us);
/* Takes the record's texts. */
void replay_call_set_future(struct job *job, uint32_t index, const struct future_record *record);

#endif
