/* call: `await coroutine(**args)`: a definition's body, in the same task, with a scope of its own.
 */
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/ops/op.h"
#include "schema/json.h"
#include "schema/json_load.h"

enum { COROUTINE, ARGS }; /* the compiler holds ARGS against field 0 */

static const struct field_shape fields[] = {
    [COROUTINE] = {.name = "coroutine", .type = FIELD_COROUTINE, .required = true},
    [ARGS] = {.name = "args", .type = FIELD_ARGUMENTS},
};

#define CALLS_MAX 1000 /* within each other, through tasks as well; as sys.getrecursionlimit() */

static struct action raise_error(struct task *task, struct frame *frame, const char *type,
                                 const char *message)
{
    return action_raise(exception_new(task->job->plan, frame->node,
                                      &(struct exception_parts){.type = type, .message = message}));
}

/* The arguments that hold references could not be checked before. NULL and *e when they are no
 * good: of all that is wrong with them, the first is raised. */
static struct value *bind(struct task *task, struct frame *frame, struct argument_error *e)
{
    const union argument *given = frame_arguments(task, frame);
    const struct coroutine *called = &task->job->plan->coroutines[given[COROUTINE].integer];
    struct buffer text = {0};
    struct value *value = NULL;
    value_write(&text, given[ARGS].json);
    json_t *arguments =
        json_load_text(text.bytes, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    *e = (struct argument_error){.is_type = true, .text = "'args' must be an object"};
    if (!arguments)
        strcpy(e->text, "'args' are nested too deep");
    json_t *bound = json_is_object(arguments)
                        ? parameters_bind_or_fail(&called->parameters, called->name, arguments, e)
                        : NULL;
    buffer_release(&text);
    if (bound) {
        json_write(&text, bound);
        value = memory_need(value_from_text(text.bytes, text.size));
        buffer_release(&text);
    }
    json_decref(bound);
    json_decref(arguments);
    return value;
}

static struct action call_start(struct task *task, struct frame *frame)
{
    const struct node *node = frame_node(task, frame);
    const union argument *given = frame_arguments(task, frame);
    struct argument_error e;
    if (task->active->depth >= CALLS_MAX)
        return raise_error(task, frame, "RecursionError", "maximum recursion depth exceeded");
    struct value *refusal = job_refuse_tasks(task->job, frame->node, 1);
    if (refusal)
        return action_raise(refusal);
    bool is_bound = !(node->dynamic >> ARGS & 1);
    struct value *arguments = is_bound ? given[ARGS].json : bind(task, frame, &e);
    if (!arguments)
        return raise_error(task, frame, e.is_type ? "TypeError" : "ValueError", e.text);
    return action_invoke((uint32_t)given[COROUTINE].integer, arguments);
}

const struct op op_call = {
    .shape = {.name = "call", .fields = fields, .n_fields = 2, .frame_size = sizeof(struct frame)},
    .start = call_start,
};
