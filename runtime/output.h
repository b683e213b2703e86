/* What a process printed, bounded: all of it up to a limit, beyond that the beginning and the end.
 * For hosts, which fill it. [loop] */
#ifndef AWAITD_RUNTIME_OUTPUT_H
#define AWAITD_RUNTIME_OUTPUT_H

#include "runtime/host.h"

/* Adds what was printed. The same limit each time. */
void output_add(struct output *output, const char *bytes, size_t size, size_t limit);
/* Nothing is added any more: brings the bytes into their order. */
void output_finish(struct output *output);

#endif
