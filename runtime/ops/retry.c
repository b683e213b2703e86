/* retry: the body again after an error that matches `on`, at most `attempts` times, with
 * asyncio.sleep between them, outside of the `except` block. */
#include "runtime/journal/journal.h"
#include "runtime/ops/op.h"

enum { ATTEMPTS, DELAY, BACKOFF, MAX_DELAY, JITTER, ON, BODY };

static const struct field_shape fields[] = {
    [ATTEMPTS] = {.name = "attempts", .type = FIELD_INTEGER, .required = true, .min = 1},
    [DELAY] = {.name = "delay", .type = FIELD_NUMBER, .max = SECONDS_MAX},
    [BACKOFF] = {.name = "backoff", .type = FIELD_NUMBER, .max = 1e9},
    [MAX_DELAY] = {.name = "max_delay", .type = FIELD_NUMBER, .nullable = true, .max = SECONDS_MAX},
    [JITTER] = {.name = "jitter", .type = FIELD_NUMBER, .max = SECONDS_MAX},
    [ON] = {.name = "on", .type = FIELD_EXCEPTIONS},
    [BODY] = {.name = "body", .type = FIELD_NODE, .required = true},
};

struct retry_frame {
    struct timed_frame base; /* the sleep */
    int64_t n_attempts;      /* so far */
    double delay;            /* before the next one, without jitter; seconds */
};

static double number(struct task *task, struct frame *frame, unsigned field, double otherwise)
{
    return frame_has(task, frame, field) ? frame_arguments(task, frame)[field].number : otherwise;
}

static struct action attempt(struct task *task, struct retry_frame *self)
{
    self->n_attempts++;
    return action_call(node_first_child(task->job->plan, self->base.base.node));
}

static struct action retry_start(struct task *task, struct frame *frame)
{
    struct retry_frame *self = (struct retry_frame *)frame;
    self->base.timer.state = TIMER_IDLE;
    self->n_attempts = 0;
    self->delay = number(task, frame, DELAY, 0);
    return attempt(task, self);
}

static bool is_final(struct task *task, struct frame *frame, const struct value *outcome)
{
    static const char *const any[] = {"Exception", NULL};
    const union argument *given = frame_arguments(task, frame);
    struct retry_frame *self = (struct retry_frame *)frame;
    return !value_is_exception(outcome) || self->n_attempts >= given[ATTEMPTS].integer ||
           !exception_is_one_of(outcome, frame_has(task, frame, ON) ? given[ON].texts : any);
}

static struct action retry_child_ended(struct task *task, struct frame *frame, uint32_t child,
                                       struct value *outcome)
{
    struct retry_frame *self = (struct retry_frame *)frame;
    (void)child;
    if (is_final(task, frame, outcome))
        return action_end(outcome);
    value_unref(outcome);
    double longest = number(task, frame, MAX_DELAY, SECONDS_MAX);
    double jitter = number(task, frame, JITTER, 0);
    double seconds = self->delay < longest ? self->delay : longest;
    self->delay *= number(task, frame, BACKOFF, 2);
    seconds += jitter > 0 ? jitter * journal_chance(task->job) : 0;
    if (seconds <= 0)
        return action_yield();
    frame_arm(&self->base, frame_deadline(task, seconds));
    return action_await();
}

static struct action retry_woken(struct task *task, struct frame *frame, struct value *outcome)
{
    if (value_is_exception(outcome))
        return action_end(outcome);
    return attempt(task, (struct retry_frame *)frame);
}

static void retry_show(struct task *task, struct frame *frame, struct buffer *out)
{
    (void)task;
    buffer_format(out, "attempt %lld", (long long)((struct retry_frame *)frame)->n_attempts + 1);
}

const struct op op_retry = {
    .shape = {.name = "retry",
              .fields = fields,
              .n_fields = 7,
              .frame_size = sizeof(struct retry_frame)},
    .start = retry_start,
    .child_ended = retry_child_ended,
    .woken = retry_woken,
    .timer_fired = timed_frame_wake,
    .show = retry_show,
    .release = timed_frame_release,
};
