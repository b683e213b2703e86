#include "runtime/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/ops/op.h"
#include "runtime/recover.h"
#include "runtime/runs.h"
#include "runtime/runtime_internal.h"
#include "schema/allocate.h"

const struct op_table *runtime_ops(void)
{
    return &op_registry;
}

bool runtime_progress(struct runtime *runtime, const struct id *id, struct progress *out)
{
    return progress_get(&runtime->progress, id, out);
}

void runtime_stats(struct runtime *runtime, struct runtime_stats *out)
{
    out->open_tasks = atomic_load_explicit(&runtime->n_open, memory_order_relaxed);
    out->submitted = atomic_load_explicit(&runtime->n_submitted, memory_order_relaxed);
    out->finished = atomic_load_explicit(&runtime->n_finished, memory_order_relaxed);
}

/* ---- the drain: all loops at the same time ---- */

/* From now on the router opens no loop, so that no one is forgotten. */
static void handle_drain(struct loop *loop, struct message *message)
{
    struct runtime *runtime = loop_thread_of(loop)->runtime;
    (void)message;
    if (runtime->safe_mode != SAFE_MODE_OFF)
        runs_drop_loops(runtime);
    for (size_t i = 1; i < runtime->n_threads; i++)
        if (runtime->threads[i]->state != LOOP_ENDING)
            loop_thread_post(runtime->threads[i], &runtime->threads[i]->drain);
    loop_thread_handle_drain(loop, &runtime->main->drain);
    groups_drain(runtime);
}

void runtime_drain(struct runtime *runtime, int64_t grace_ms)
{
    runtime->grace_ns = grace_ms * 1000000;
    runtime_ask(runtime, &runtime->drain, handle_drain);
    while (sem_wait(&runtime->drained) < 0 && errno == EINTR)
        ;
    runs_end(runtime);
}

/* ---- life ---- */

static void handle_close(struct loop *loop, struct message *message)
{
    struct runtime *runtime = loop_thread_of(loop)->runtime;
    (void)message;
    for (size_t i = 1; i < runtime->n_threads; i++)
        if (runtime->threads[i]->state != LOOP_ENDING)
            runtime_end_loop(runtime->threads[i]);
    loop_thread_handle_close(loop, &runtime->main->close);
}

static void release(struct runtime *runtime)
{
    while (runtime->n_threads)
        loop_thread_free(runtime->threads[--runtime->n_threads]);
    groups_release(&runtime->groups); /* the main loop had their timers */
    sem_destroy(&runtime->drained);
    progress_table_release(&runtime->progress);
    free(runtime);
}

/* The main one, and those of --loops: main-2, main-3… */
static int add_loops(struct runtime *runtime, struct error *e)
{
    struct loop_thread *thread;
    int status = runtime_add_loop(runtime, LOOP_MAIN, NULL, &runtime->main, e);
    for (size_t i = 2; status == 0 && i <= runtime->options.n_loops; i++) {
        char name[32];
        snprintf(name, sizeof name, LOOP_MAIN "-%zu", i);
        status = runtime_add_loop(runtime, name, NULL, &thread, e);
    }
    return status;
}

/* The router last: it waits for the others. In safe mode it is alone. */
static int start_loops(struct runtime *runtime, struct error *e)
{
    size_t n = runtime->safe_mode == SAFE_MODE_OFF ? runtime->n_threads : 1, i = n;
    int status = 0;
    while (i > 0 && (status = loop_thread_start(runtime->threads[i - 1], e)) == 0)
        i--;
    for (; status < 0 && i < n; i++) {
        runtime_end_loop(runtime->threads[i]);
        pthread_join(runtime->threads[i]->thread, NULL);
    }
    return status;
}

int runtime_open(struct runtime **out, struct store *store, const struct runtime_options *options,
                 struct error *e)
{
    struct runtime *runtime = allocate_zeroed(1, sizeof *runtime);
    if (!runtime)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    runtime->store = store;
    runtime->options = *options;
    if (runtime->options.n_loops == 0)
        runtime->options.n_loops = 1;
    sem_init(&runtime->drained, 0, 0);
    chain_init(&runtime->held);
    int status = progress_table_init(&runtime->progress) < 0
                     ? error_set(e, ERROR_NO_MEMORY, "out of memory")
                     : timeline_open(store, &runtime->timeline, e);
    if (status == 0)
        status = add_loops(runtime, e);
    if (status == 0)
        status = runtime_read_loops(runtime, e);
    if (status == 0)
        status = runs_begin(runtime, e);
    if (status == 0 && runtime->safe_mode == SAFE_MODE_OFF)
        status = runtime_recover(runtime, e);
    if (status == 0 && runtime->safe_mode == SAFE_MODE_OFF)
        status = groups_recover(runtime, e);
    if (status == 0)
        status = start_loops(runtime, e);
    if (status < 0)
        release(runtime);
    else
        *out = runtime;
    return status;
}

void runtime_close(struct runtime *runtime)
{
    runtime_ask(runtime, &runtime->close, handle_close);
    pthread_join(runtime->main->thread, NULL);
    release(runtime);
}
