/* What is asked of the processes of `subprocess` nodes from outside. */
#include "runtime/subprocess.h"

#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/loop.h"
#include "runtime/ops/subprocess_frame.h"

extern const struct op op_subprocess;

/* ---- finding it ---- */

static struct subprocess_frame *frame_of(struct list *link)
{
    return CONTAINER_OF(link, struct subprocess_frame, link);
}

static struct host *host_of(struct subprocess_frame *self)
{
    return frame_task(&self->base.base)->job->loop->host;
}

/* Whether the node, or (PLAN_NONE) any `subprocess` node, has the name. */
static bool is_named(const struct plan *plan, uint32_t node, const char *name)
{
    for (const struct label *l = plan->labels; l; l = l->next)
        if ((node == PLAN_NONE ? plan->nodes[l->node].shape == &op_subprocess.shape
                               : l->node == node) &&
            strcmp(l->name, name) == 0)
            return true;
    return false;
}

bool subprocess_can_be_fed(const struct subprocess_frame *self)
{
    return self->process->keeps_input_open && !self->input_is_closed;
}

/* Of those that cannot be fed, the one that came nearest says why. */
static enum process_answer nearer(enum process_answer a, const struct subprocess_frame *self)
{
    enum process_answer b =
        self->process->keeps_input_open ? PROCESS_INPUT_CLOSED : PROCESS_NOT_FED;
    return a > b ? a : b;
}

enum process_answer subprocess_find(struct job *job, const char *name, bool is_to_be_fed,
                                    struct subprocess_frame **out)
{
    enum process_answer refusal = PROCESS_NOT_RUNNING;
    *out = NULL;
    if (name && !is_named(job->plan, PLAN_NONE, name))
        return PROCESS_UNKNOWN;
    for (struct list *l = job->processes.next; l != &job->processes; l = l->next) {
        struct subprocess_frame *self = frame_of(l);
        if (name && !is_named(job->plan, self->base.base.node, name))
            continue;
        if (is_to_be_fed && !subprocess_can_be_fed(self))
            refusal = nearer(refusal, self);
        else if (*out)
            return PROCESS_SEVERAL;
        else
            *out = self;
    }
    return *out ? PROCESS_DONE : refusal;
}

struct subprocess_frame *subprocess_of_number(struct job *job, uint64_t number)
{
    for (struct list *l = job->processes.next; l != &job->processes; l = l->next)
        if (frame_of(l)->number == number)
            return frame_of(l);
    return NULL;
}

uint64_t subprocess_number(const struct subprocess_frame *self)
{
    return self->number;
}

/* ---- asking it ---- */

void subprocess_signal(struct subprocess_frame *self, int signal)
{
    struct host *host = host_of(self);
    host->kill(host, self->process, signal);
}

void subprocess_write(struct subprocess_frame *self, struct process_write *write)
{
    struct host *host = host_of(self);
    host->write(host, self->process, write);
}

void subprocess_close_input(struct subprocess_frame *self)
{
    struct host *host = host_of(self);
    self->input_is_closed = true;
    host->close_input(host, self->process);
}
