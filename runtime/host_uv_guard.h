/* A small process beside the server that outlives it by a moment: when the server is gone, however
 * it went (also by SIGKILL), the guard kills the process groups that were still running. Otherwise
 * a job that runs again at the next start would run beside its own former processes. */
#ifndef AWAITD_RUNTIME_HOST_UV_GUARD_H
#define AWAITD_RUNTIME_HOST_UV_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

/* Forks the guard: first of all, as it would share the files and mappings that are open. The
 * descriptor to tell it by (not 0), or -1 with errno. It ends when that is closed. [main] */
int guard_start(void);
/* A process group begins or has ended. guard 0: there is none. Never blocks: what does not fit is
 * not guarded. [loop] */
void guard_note(int guard, pid_t group, bool runs);

#endif
