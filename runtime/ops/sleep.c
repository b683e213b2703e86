/* sleep: asyncio.sleep(delay, result). A delay of 0 is a bare yield: one turn, no timer. */
#include "runtime/ops/op.h"

enum { SECONDS, RESULT };

static const struct field_shape fields[] = {
    [SECONDS] = {.name = "seconds", .type = FIELD_NUMBER, .required = true, .max = SECONDS_MAX},
    [RESULT] = {.name = "result", .type = FIELD_JSON},
};

static struct action sleep_start(struct task *task, struct frame *frame)
{
    struct timed_frame *self = (struct timed_frame *)frame;
    double seconds = frame_arguments(task, frame)[SECONDS].number;
    self->timer.state = TIMER_IDLE;
    if (seconds <= 0)
        return action_yield();
    frame_arm(self, frame_deadline(task, seconds));
    return action_await();
}

static struct action sleep_woken(struct task *task, struct frame *frame, struct value *outcome)
{
    if (value_is_exception(outcome) || !frame_has(task, frame, RESULT))
        return action_end(outcome);
    return action_end(value_ref(frame_arguments(task, frame)[RESULT].json));
}

const struct op op_sleep = {
    .shape = {.name = "sleep",
              .fields = fields,
              .n_fields = 2,
              .frame_size = sizeof(struct timed_frame)},
    .start = sleep_start,
    .timer_fired = timed_frame_wake,
    .woken = sleep_woken,
    .release = timed_frame_release,
};
