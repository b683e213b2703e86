/* What the files of the runtime's face share. The main loop's thread is also the router: what comes
 * from outside comes to it, and it hands it on to the loop that it concerns, in order. Only the
 * router opens and closes loops, so nobody else ever posts to one that is gone. [loop] unless it
 * says otherwise; [router] is [loop] of the main one. */
#ifndef AWAITD_RUNTIME_RUNTIME_INTERNAL_H
#define AWAITD_RUNTIME_RUNTIME_INTERNAL_H

#include <semaphore.h>
#include <stdatomic.h>

#include "runtime/groups.h"
#include "runtime/loop_thread.h"
#include "runtime/progress.h"
#include "runtime/runtime.h"
#include "runtime/timeline.h"

/* The most threads there can be: those opened in former runs, and those of --loops of this one. */
#define THREADS_MAX (2 * LOOPS_MAX)

struct runtime {
    struct store *store;
    struct runtime_options options;
    struct timeline timeline; /* of all loops */
    struct loop_thread *main; /* threads[0] */
    struct message drain, close;
    int64_t grace_ns;
    sem_t drained;
    atomic_size_t n_undrained; /* loops; the last one posts `drained` */
    atomic_size_t n_open;      /* the router adds, the loops take away */
    atomic_uint_fast64_t n_submitted, n_finished;
    /* the router's: first the main loop, then the others of --loops, then those that were opened */
    struct loop_thread *threads[THREADS_MAX];
    size_t n_threads;
    size_t n_last; /* of --loops: who got the last job that names no loop */
    struct groups groups;
    struct progress_table progress;
    struct store_run run;             /* this one */
    _Atomic enum safe_mode safe_mode; /* the router's; others look */
    struct chain held;                /* messages that wait for its end */
};

/* router.c: the loop of that name (NULL: the main one), whatever its state; NULL: none. [router] */
struct loop_thread *runtime_find_loop(const struct runtime *runtime, const char *name);
/* A message from outside goes to the router, which calls `route`. [any] */
void runtime_ask(struct runtime *runtime, struct message *message,
                 void (*route)(struct loop *loop, struct message *message));
/* Has `handle` called by the thread of the loop that the task is on. `name`: the loop that its
 * record names. [router] */
void runtime_forward(struct runtime *runtime, const struct id *id, const char *name,
                     struct message *message,
                     void (*handle)(struct loop *loop, struct message *message));
/* A place for one more open task, until runtime_leave_place; false when there is none. [router] */
bool runtime_take_place(struct runtime *runtime);
void runtime_leave_place(struct runtime *runtime); /* [any] */

/* requests.c: runtime_cancel, of a task that is known to be on that loop. [router] */
void runtime_cancel_on(struct loop_thread *thread, struct cancellation *cancellation);

/* loops.c: adds a loop; its thread is yet to be started. Takes handler (NULL: none). 0 or -code and
 * *e. [router, or main before the router runs] */
int runtime_add_loop(struct runtime *runtime, const char *name, char *handler,
                     struct loop_thread **out, struct error *e);
/* Tells a loop to end; once its thread has ended it is taken off the list and freed. [router] */
void runtime_end_loop(struct loop_thread *thread);

/* loop_store.c: opens the loops that the store knows. [main, before the router runs] */
int runtime_read_loops(struct runtime *runtime, struct error *e);
/* The text of a loop's document; NULL when out of memory. The caller frees. [any] */
char *loop_document(const char *handler);

#define LOOP_KIND "loop" /* of documents */

#endif
