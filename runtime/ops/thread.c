/* thread: asyncio.to_thread, loop.run_in_executor: a function by its name, on a thread of an
 * executor. The await ends at once when it is cancelled; what has not started yet never does, and
 * what runs sees a flag. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/executor/executor.h"
#include "runtime/executor/function.h"
#include "runtime/loop.h"
#include "runtime/ops/operation.h"
#include "runtime/services.h"
#include "schema/json_load.h"

enum { FUNCTION, ARGS, EXECUTOR };

static const struct field_shape fields[] = {
    [FUNCTION] = {.name = "function", .type = FIELD_TEXT, .required = true, .min = 1},
    [ARGS] = {.name = "args", .type = FIELD_JSON},
    [EXECUTOR] = {.name = "executor", .type = FIELD_TEXT, .min = 1},
};

/* ---- at the submission: false and a complaint ---- */

static bool complain(struct node_complaint *complaint, int field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool complain(struct node_complaint *complaint, int field, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint->text, sizeof complaint->text, format, arguments);
    va_end(arguments);
    complaint->field = field;
    return false;
}

static bool is_coroutine(const struct coroutine_source *source, const char *name)
{
    json_t *definition = source ? source->find(source->context, name) : NULL;
    json_decref(definition);
    return definition != NULL;
}

static bool is_op(const char *name)
{
    for (size_t i = 0; i < op_registry.n; i++)
        if (strcmp(op_registry.shapes[i]->name, name) == 0)
            return true;
    return false;
}

static bool complain_of_function(const struct services *services, const char *name,
                                 struct node_complaint *complaint)
{
    static const char rule[] =
        "the function of 'thread' must be one of GET /v1/functions, and those block a thread";
    if (is_coroutine(complaint->coroutines, name))
        return complain(complaint, FUNCTION, "'%.100s' is a coroutine, and %s; use the op call",
                        name, rule);
    if (is_op(name))
        return complain(complaint, FUNCTION, "'%.100s' is an op, and %s; make it a node of its own",
                        name, rule);
    const char *like = functions_nearest(services->functions, name);
    if (like)
        return complain(complaint, FUNCTION, "there is no function '%.100s'; did you mean '%s'?",
                        name, like);
    return complain(complaint, FUNCTION,
                    "there is no function '%.100s'; GET /v1/functions lists all", name);
}

static bool check_executor(const struct services *services, const struct node *node,
                           struct node_complaint *complaint)
{
    if (!services->executors || !node_has(node, EXECUTOR) || node->dynamic >> EXECUTOR & 1)
        return true;
    const char *name = node->arguments[EXECUTOR].text->bytes;
    if (executors_have(services->executors, name))
        return true;
    char *like = executors_nearest(services->executors, name);
    if (like)
        complain(complaint, EXECUTOR, "there is no executor '%.100s'; did you mean '%.100s'?", name,
                 like);
    else
        complain(complaint, EXECUTOR,
                 "there is no executor '%.100s'; PUT /v1/executors/{name} makes one", name);
    free(like);
    return false;
}

static const char no_files[] = "this server does not let jobs read its files: it was started "
                               "without --allow-exec '*'";

/* args: bound, or not yet. */
static bool may_read(const struct services *services, const struct function *function,
                     const json_t *args)
{
    const json_t *file = json_object_get(args, "file");
    return !function->reads_files || !file || json_is_null(file) ||
           strcmp(services->exec.patterns, "*") == 0;
}

static bool check_arguments(const struct services *services, const struct function *function,
                            const struct node *node, struct node_complaint *complaint)
{
    struct argument_error e;
    struct buffer text = {0};
    if (node->dynamic >> ARGS & 1)
        return true;
    if (node_has(node, ARGS))
        value_write(&text, node->arguments[ARGS].json);
    json_t *bound = function_bind(function, text.bytes, text.size, &e);
    bool may_run = bound && may_read(services, function, bound);
    buffer_release(&text);
    json_decref(bound);
    return may_run || complain(complaint, ARGS, "%s", bound ? no_files : e.text);
}

static bool thread_check(const struct services *services, const struct node *node,
                         struct node_complaint *complaint)
{
    if (!check_executor(services, node, complaint))
        return false;
    if (node->dynamic >> FUNCTION & 1)
        return true;
    const char *name = node->arguments[FUNCTION].text->bytes;
    const struct function *function = functions_find(services->functions, name);
    return function ? check_arguments(services, function, node, complaint)
                    : complain_of_function(services, name, complaint);
}

/* ---- when it runs ---- */

static struct action raise_unknown(struct task *task, struct frame *frame, const char *name)
{
    struct buffer message = {0};
    buffer_format(&message, "there is no function '%.200s'", name);
    struct value *error =
        exception_new(task->job->plan, frame->node,
                      &(struct exception_parts){.type = "LookupError", .message = message.bytes});
    buffer_release(&message);
    return action_raise(error);
}

/* NULL; or the exception, when it reads files and must not. */
static struct value *refuse_to_read(struct task *task, struct frame *frame,
                                    const struct function *function, const struct buffer *args)
{
    if (!function->reads_files || args->size == 0)
        return NULL;
    json_t *given = json_load_text(args->bytes, args->size, 0, NULL);
    bool may = may_read(task->job->loop->services, function, given);
    json_decref(given);
    const struct exception_parts parts = {.type = "PermissionError", .message = no_files};
    return may ? NULL : exception_new(task->job->plan, frame->node, &parts);
}

/* So that, should the server die of it, the next start knows. */
static void mark_call(struct task *task, struct function_call *call)
{
    struct job *job = task->job;
    call->is_marked = job->loop->journals.marks_calls;
    call->mark = (struct crash_mark){.task = job->record->id,
                                     .number = task->number,
                                     .node = task->current,
                                     .depth = task->active->depth};
    snprintf(call->mark.what, sizeof call->mark.what, "%s", call->function->name);
}

static struct action thread_start(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    const struct services *services = task->job->loop->services;
    const char *name = given[FUNCTION].text->bytes;
    const struct function *function = functions_find(services->functions, name);
    struct buffer args = {0};
    ((struct operation_frame *)frame)->operation = NULL;
    if (!function) /* it came from a reference, or is there no more */
        return raise_unknown(task, frame, name);
    if (frame_has(task, frame, ARGS))
        value_write(&args, given[ARGS].json);
    struct value *refusal = refuse_to_read(task, frame, function, &args);
    if (refusal) {
        buffer_release(&args);
        return action_raise(refusal);
    }
    const char *executor = frame_has(task, frame, EXECUTOR) ? given[EXECUTOR].text->bytes : NULL;
    struct function_call *call = function_call_new(function, &args, executor);
    mark_call(task, call);
    call->operation.leaf.is_pure = !function->context; /* all but those of plugins are */
    return operation_begin(task, frame, &call->operation);
}

static void thread_show(struct task *task, struct frame *frame, struct buffer *out)
{
    const union argument *given = frame_arguments(task, frame);
    buffer_format(out, "function '%s' on executor '%s'", given[FUNCTION].text->bytes,
                  frame_has(task, frame, EXECUTOR) ? given[EXECUTOR].text->bytes
                                                   : EXECUTOR_DEFAULT);
}

const struct op op_thread = {
    .shape = {.name = "thread",
              .fields = fields,
              .n_fields = 3,
              .frame_size = sizeof(struct operation_frame),
              .has_effects = true},
    .check = thread_check,
    .start = thread_start,
    .cancelled = operation_cancelled,
    .replayed = operation_replayed,
    .show = thread_show,
    .release = operation_release,
};
