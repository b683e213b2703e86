/* Futures of simulated jobs that are set from outside, in the recorded run and in its replay. */
#ifndef AWAITD_TESTS_SIM_SET_FUTURE_H
#define AWAITD_TESTS_SIM_SET_FUTURE_H

#include "runtime/futures.h"
#include "tests/sim/tape.h"

struct recorder;

/* Future.set_result or set_exception, as a callback of the job's turn; nothing when it is done
 * already, or the job has none of that name. Copies what the record says; its task does not matter.
 */
void request_set_future(struct job *job, const struct future_record *record);

void recorder_set_future(struct recorder *recorder, const struct future_record *record);
void replay_set_future(struct job *job, const struct tape_entry *entry);

#endif
