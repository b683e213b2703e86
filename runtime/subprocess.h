/* The processes of a job's `subprocess` nodes that run, for those who want something of one from
 * outside: what Process of asyncio has besides wait. [loop] */
#ifndef AWAITD_RUNTIME_SUBPROCESS_H
#define AWAITD_RUNTIME_SUBPROCESS_H

#include "runtime/host.h"
#include "runtime/job.h"
#include "runtime/runtime.h"

struct subprocess_frame;

/* The one that runs under a node of that name, or (NULL) the only one that runs; where it is to be
 * fed, of those that are fed by a client. *out; or why there is none. */
enum process_answer subprocess_find(struct job *job, const char *name, bool is_to_be_fed,
                                    struct subprocess_frame **out);
/* That with the number; NULL when it has ended. */
struct subprocess_frame *subprocess_of_number(struct job *job, uint64_t number);
uint64_t subprocess_number(const struct subprocess_frame *self);

/* send_signal(), to its whole process group. */
void subprocess_signal(struct subprocess_frame *self, int signal);
/* stdin.write() and drain(): host.h. Of one that can be fed. */
void subprocess_write(struct subprocess_frame *self, struct process_write *write);
/* stdin.close() */
void subprocess_close_input(struct subprocess_frame *self);
bool subprocess_can_be_fed(const struct subprocess_frame *self);

#endif
