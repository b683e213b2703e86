/* Which loop a message is for. */
#include <string.h>

#include "runtime/runtime_internal.h"

struct loop_thread *runtime_find_loop(const struct runtime *runtime, const char *name)
{
    if (!name)
        return runtime->main;
    for (size_t i = 0; i < runtime->n_threads; i++)
        if (strcmp(runtime->threads[i]->name, name) == 0)
            return runtime->threads[i];
    return NULL;
}

void runtime_ask(struct runtime *runtime, struct message *message,
                 void (*route)(struct loop *loop, struct message *message))
{
    message->handle = route;
    loop_thread_post(runtime->main, message);
}

/* In safe mode no other loop has a thread. On the main loop is also what the record says to be
 * elsewhere, when there was no such loop at the start. And who asks for a task that is nowhere is
 * told so here. */
static struct loop_thread *find_place(const struct runtime *runtime, const struct id *id,
                                      const char *name)
{
    if (!name || runtime->safe_mode != SAFE_MODE_OFF || loop_find(&runtime->main->loop, id))
        return runtime->main;
    struct loop_thread *thread = runtime_find_loop(runtime, name);
    return thread && thread->state == LOOP_OPEN ? thread : runtime->main;
}

void runtime_forward(struct runtime *runtime, const struct id *id, const char *name,
                     struct message *message,
                     void (*handle)(struct loop *loop, struct message *message))
{
    struct loop_thread *thread = find_place(runtime, id, name);
    message->handle = handle;
    if (thread == runtime->main)
        handle(&thread->loop, message);
    else
        loop_thread_post(thread, message);
}

bool runtime_take_place(struct runtime *runtime)
{
    if (atomic_load(&runtime->n_open) >= runtime->options.max_open_tasks)
        return false;
    atomic_fetch_add(&runtime->n_open, 1);
    return true;
}

void runtime_leave_place(struct runtime *runtime)
{
    atomic_fetch_sub(&runtime->n_open, 1);
}
