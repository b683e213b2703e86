/* Who is below us: the children of this process that it did not start itself. They are what others
 * left behind, and are killed. It works because this process is the nearest subreaper above them:
 * whoever is orphaned, also by setsid and a double fork, becomes its child. [one thread] */
#ifndef AWAITD_RUNTIME_SPAWNER_SWEEP_H
#define AWAITD_RUNTIME_SPAWNER_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sweep {
    int list;   /* the kernel's list of our children; -1: it has none, and all of /proc is read */
    char *text; /* of the list, as read last */
    size_t capacity;
};

/* Of the children of the main thread, to whom the kernel gives those that are orphaned. */
void sweep_init(struct sweep *sweep);
void sweep_release(struct sweep *sweep);
/* Kills (SIGKILL) every child, with its process group, of which `is_known` does not say that it may
 * live. How many there were, with those that are dead and not reaped. */
size_t sweep_children(struct sweep *sweep, bool (*is_known)(void *context, pid_t pid),
                      void *context);

#endif
