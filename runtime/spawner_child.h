/* How a child comes into the world: cloned without a copy of the memory, made clean, and replaced
 * by its program. In the spawner only. */
#ifndef AWAITD_RUNTIME_SPAWNER_CHILD_H
#define AWAITD_RUNTIME_SPAWNER_CHILD_H

#include <sys/types.h>

#include "runtime/spawner.h"

/* What all children have in common and inherit: to be called once, before the first. */
void child_prepare(void);
/* Memory to start in, for child_start; NULL when there is none. */
void *child_new_stack(void);
/* Returns once the program runs: its process id; or -errno, and what it is about. */
pid_t child_start(void *stack, const struct spawn_request *request, enum process_part *part);

#endif
