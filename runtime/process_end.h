/* How a process ended, in words. Pure. [any] */
#ifndef AWAITD_RUNTIME_PROCESS_END_H
#define AWAITD_RUNTIME_PROCESS_END_H

#include <stddef.h>

/* From waitpid's status: "crashed (SIGSEGV)", "was killed (SIGKILL)" or "exited with status 3". */
void process_end_write(int wait_status, char *text, size_t size);

#endif
