/* How a child comes into the world: cloned without a copy of the memory, made clean, and replaced
 * by its program. In the spawner only. */
#ifndef AWAITD_RUNTIME_SPAWNER_CHILD_H
#define AWAITD_RUNTIME_SPAWNER_CHILD_H

#include <sys/resource.h>
#include <sys/types.h>

#include "runtime/spawner/spawner.h"

/* What it needs besides the request. */
struct nursery {
    void *stack;              /* memory to start in */
    struct rlimit open_files; /* as they were when the server was started */
};

/* What all children have in common and inherit: to be called once, before the first. The spawner
 * itself may then have as many descriptors as there are. False: there is no memory. */
bool child_prepare(struct nursery *nursery);
/* Returns once the program runs: its process id; or -errno, and what it is about. */
pid_t child_start(const struct nursery *nursery, const struct spawn_request *request,
                  enum process_part *part);

#endif
