/* What the spawner does, in its own process. */
#ifndef AWAITD_RUNTIME_SPAWNER_PROCESS_H
#define AWAITD_RUNTIME_SPAWNER_PROCESS_H

/* In the process that was forked for it, which has one thread: serves the server's end of the
 * socket until that is closed, kills what was started, and exits. */
_Noreturn void spawner_process(int control);

#endif
