/* Waiting for a task's end: a suspended connection, never a thread. [http] */
#ifndef AWAITD_SERVER_WAIT_H
#define AWAITD_SERVER_WAIT_H

#include "server/request.h"

/* How long the request wants to wait: `?wait=` (which wins) or `Prefer: wait=`; 0 when it does not.
 * False when
 * `?wait=` is not acceptable; then it is answered. A `Prefer` that makes no sense is passed over
 * (RFC 7240). */
bool wait_read(struct request *request, double *seconds);

/* Makes request->waiter ready for a wait of so many seconds for the task, and has the client's
 * socket watched from now on. The waiter's done wakes the request; request->ended is then the ended
 * task's record, or NULL. */
void wait_prepare(struct request *request, const struct id *id, double seconds);

/* Parks the request until the task has ended or the time is over, then runs `next`. Borrows the
 * task's record until then. Call between server_may_ask and server_asked. */
void wait_park(struct request *request, const struct task_record *record, double seconds,
               void (*next)(struct request *request));

#endif
