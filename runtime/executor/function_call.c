/* One call of a function: its arguments, its answer, and what it can ask of the world. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/base/reserve.h"
#include "runtime/executor/function.h"
#include "schema/allocate.h"
#include "schema/exception_type.h"
#include "schema/json.h"
#include "schema/json_load.h"
#include "schema/utf8.h"

/* ---- life ---- */

static void free_call(struct operation *operation)
{
    struct function_call *call = (struct function_call *)operation;
    free(call->given);
    free(call->executor);
    free(call);
}

static void show_call(const struct operation *operation, struct buffer *out)
{
    const struct function_call *call = (const struct function_call *)operation;
    buffer_format(out, "%s(%s)", call->function->name, call->given ? call->given : "");
}

struct function_call *function_call_new(const struct function *function, struct buffer *given,
                                        const char *executor)
{
    struct function_call *call = memory_new_zeroed(1, sizeof *call);
    call->operation.kind = OPERATION_CALL;
    call->operation.free = free_call;
    call->operation.show = show_call;
    call->function = function;
    call->given_size = given->size;
    call->given = buffer_take(given);
    call->executor = executor ? memory_text(executor) : NULL;
    return call;
}

/* ---- the answer: the first one counts ---- */

static bool is_answered(const struct function_call *call)
{
    return call->operation.answer.text;
}

static void answer(struct function_call *call, char *type, char *text, size_t size)
{
    if (is_answered(call)) {
        free(type);
        free(text);
        return;
    }
    call->operation.answer = (struct answer){.type = type, .text = text, .size = size};
}

void function_raise(struct function_call *call, const char *type, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    size_t room = size < 0 ? 1 : (size_t)size + 1;
    char *text = memory_new_zeroed(1, room);
    if (size > 0)
        vsnprintf(text, room, format, again);
    va_end(again);
    va_end(arguments);
    utf8_mend(text, strlen(text));
    if (!exception_may_be_raised(type))
        type = "RuntimeError";
    answer(call, memory_text(type), text, strlen(text));
}

void function_return_buffer(struct function_call *call, struct buffer *text)
{
    size_t size = text->size;
    char *bytes = buffer_take(text);
    if (bytes)
        answer(call, NULL, bytes, size);
    else
        function_raise(call, "MemoryError", "the result does not fit into memory");
}

void function_return_json(struct function_call *call, json_t *value)
{
    struct buffer text = {0};
    if (value)
        json_write(&text, value);
    json_decref(value);
    function_return_buffer(call, &text);
}

void function_return_text(struct function_call *call, const char *text, size_t size)
{
    struct buffer json = {0};
    buffer_json_string(&json, text, size);
    function_return_buffer(call, &json);
}

void function_return(struct function_call *call, char *text, size_t size)
{
    struct error e;
    json_t *value = json_read(text, size, &e);
    free(text);
    if (value)
        function_return_json(call, value);
    else
        function_raise(call, "RuntimeError", "the function '%s' returned what is not JSON: %s",
                       call->function->name, e.text);
}

/* ---- running ---- */

json_t *function_bind(const struct function *function, const char *given, size_t size,
                      struct argument_error *e)
{
    json_t *arguments =
        size ? json_load_text(given, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : json_object();
    *e = (struct argument_error){.is_type = true, .text = "'args' must be an object"};
    if (!arguments)
        strcpy(e->text, "'args' are nested too deep");
    json_t *bound =
        json_is_object(arguments)
            ? parameters_bind_or_fail(&function->parameters, function->name, arguments, e)
            : NULL;
    json_decref(arguments);
    return bound;
}

static void run(struct function_call *call)
{
    struct argument_error e;
    call->args = function_bind(call->function, call->given, call->given_size, &e);
    if (call->args)
        call->function->run(call);
    else
        function_raise(call, e.is_type ? "TypeError" : "ValueError", "%s", e.text);
    json_decref(call->args);
    call->args = NULL;
    if (!is_answered(call))
        function_raise(call, "RuntimeError", "the function '%s' returned nothing",
                       call->function->name);
}

/* What found no memory may have come to a wrong result. */
static void fail_for_memory(struct function_call *call)
{
    struct answer *answer = &call->operation.answer;
    if (answer->type && strcmp(answer->type, "MemoryError") == 0)
        return;
    answer_release(answer);
    function_raise(call, "MemoryError", "not enough memory");
}

void function_call_run(struct function_call *call)
{
    size_t n_failures = allocate_failures();
    reserve_use(RESERVE_OR_FAIL);
    run(call);
    reserve_use(RESERVE_TO_THE_END);
    if (allocate_failures() != n_failures)
        fail_for_memory(call);
}

bool function_is_cancelled(struct function_call *call)
{
    return call->port->is_cancelled(call);
}

void function_progress(struct function_call *call, double fraction, const char *message)
{
    call->port->progress(call, fraction, message);
}

void function_wait(struct function_call *call, double seconds, bool ends_early)
{
    call->port->wait(call, seconds, ends_early);
}

/* ---- arguments ---- */

const json_t *function_argument(const struct function_call *call, const char *name)
{
    return json_object_get(call->args, name);
}

const char *function_text(const struct function_call *call, const char *name, size_t *size)
{
    const json_t *value = function_argument(call, name);
    *size = json_string_length(value);
    return json_string_value(value);
}

bool function_flag(const struct function_call *call, const char *name)
{
    return json_is_true(function_argument(call, name));
}

double function_number(const struct function_call *call, const char *name)
{
    return json_number_value(function_argument(call, name));
}
