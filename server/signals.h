/* What ends the process from outside: signals, and a disk that failed. [main] */
#ifndef AWAITD_SERVER_SIGNALS_H
#define AWAITD_SERVER_SIGNALS_H

enum ending { ENDING_ASKED, ENDING_FAILED };

/* Before any thread starts, so that all threads are deaf to them; also as PID 1, for which signals
 * without a handler do not exist. SIGPIPE is ignored. */
void signals_prepare(void);
/* Until SIGTERM or SIGINT, or until signals_fail was called. */
enum ending signals_wait(void);
/* From now on a further signal ends the process at once, and so does the time: after so many
 * milliseconds. What is not on disk by then was never promised. */
void signals_leave_soon(int milliseconds);
/* Has signals_wait return ENDING_FAILED, or ends the process if it is leaving already. [any] */
void signals_fail(void);

#endif
