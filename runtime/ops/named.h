/* Tasks that create_task filed under a name, for `await` and `cancel`. [loop] */
#ifndef AWAITD_RUNTIME_OPS_NAMED_H
#define AWAITD_RUNTIME_OPS_NAMED_H

#include "runtime/task.h"

/* Borrowed; NULL when nothing was filed there yet. */
struct task *named_find(const struct task *task, const struct slot *slot);
/* Takes the reference to `named`; what stood there before is let go. */
void named_file(struct task *task, const struct slot *slot, struct task *named);

#endif
