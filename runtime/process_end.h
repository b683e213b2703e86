/* How a process ended, in words. Pure. [any] */
#ifndef AWAITD_RUNTIME_PROCESS_END_H
#define AWAITD_RUNTIME_PROCESS_END_H

#include <stddef.h>

/* code: the exit status, or -signal. "crashed (SIGSEGV)", "was killed (SIGKILL)" or "exited with
 * status 3". */
void process_end_write(int code, char *text, size_t size);

#endif
