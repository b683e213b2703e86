/* Memory for bad times. Where malloc fails, the work that was admitted goes on with a reserve that
 * was made at the start, and given back piece by piece; as long as that is not whole again, nothing
 * new is admitted. When nothing is left the process ends itself, in order: what it acknowledged is
 * on disk, and goes on at the next start.
 *
 * It is one for the process, against the house's rule, because malloc is: who is short of memory,
 * and whose piece helps him, does not depend on the runtime or the loop. */
#ifndef AWAITD_RUNTIME_BASE_RESERVE_H
#define AWAITD_RUNTIME_BASE_RESERVE_H

#include <stdbool.h>

/* Makes it, and has all that allocates draw on it (schema/allocate.h). False: no memory. [main,
 * before other threads, after what is forked] */
bool reserve_open(void);

/* What a thread's allocations do where malloc fails. Those of a thread that says nothing never
 * fail: jobs run there. */
enum reserve_use {
    RESERVE_TO_THE_END, /* draw on the reserve; when nothing is left the process ends */
    RESERVE_OR_FAIL,    /* draw on it, and fail at its end: a function raises MemoryError then */
    RESERVE_NONE,       /* fail at once: a request is refused */
};
void reserve_use(enum reserve_use use); /* [any] for the calling thread */

/* Whether newcomers must wait; if so, first tries to make the reserve whole again. [any] */
bool reserve_is_short(void);

/* Gives a piece of it back; false when there is none left. [any] */
bool reserve_give(void);

/* Says so, and ends the process: never returns, never allocates. [any] */
_Noreturn void reserve_end(void);

#endif
