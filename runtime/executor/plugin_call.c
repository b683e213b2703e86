#include "runtime/executor/plugin_call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "schema/exception_type.h"
#include "schema/json.h"
#include "schema/utf8.h"

/* No sound function hands out more; an unsound one must not make us copy all there is. */
#define RESULT_MAX ((size_t)256 << 20)
#define MESSAGE_MAX 65536

/* A running call, and what the function has said so far. */
struct plugin_call {
    struct awaitd_call face; /* first: all that the plugin knows */
    struct function_call *call;
    unsigned n_results, n_errors;
    bool is_too_large;
    char *result; /* a copy of the first one */
    size_t result_size;
    char *type, *message;
};

static char *copy(const char *bytes, size_t size)
{
    char *text = memory_new(size + 1);
    if (size > 0)
        memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

/* A string, or what comes first of one that is far too long. */
static char *copy_text(const char *text)
{
    size_t size = text ? strnlen(text, MESSAGE_MAX) : 0;
    return copy(text, size == MESSAGE_MAX ? utf8_whole(text, size) : size);
}

/* ---- what the function asks for ---- */

static void give_result(struct awaitd_call *face, const char *json, size_t size)
{
    struct plugin_call *self = (struct plugin_call *)face;
    if (++self->n_results > 1)
        return;
    self->is_too_large = size > RESULT_MAX;
    self->result_size = json && !self->is_too_large ? size : 0;
    self->result = copy(json, self->result_size);
}

static void give_error(struct awaitd_call *face, const char *type, const char *message)
{
    struct plugin_call *self = (struct plugin_call *)face;
    if (++self->n_errors > 1)
        return;
    self->type = copy_text(type);
    self->message = copy_text(message);
}

static int is_cancelled(struct awaitd_call *face)
{
    return function_is_cancelled(((struct plugin_call *)face)->call);
}

static void progress(struct awaitd_call *face, double fraction, const char *message)
{
    bool is_text = message && utf8_is_valid(message, strlen(message));
    double known = isnan(fraction) ? NAN : fmin(fmax(fraction, 0), 1);
    function_progress(((struct plugin_call *)face)->call, known, is_text ? message : NULL);
}

static const struct awaitd_host host = {.size = sizeof host,
                                        .abi = AWAITD_PLUGIN_ABI,
                                        .give_result = give_result,
                                        .give_error = give_error,
                                        .is_cancelled = is_cancelled,
                                        .progress = progress};

const struct awaitd_host *plugin_call_host(void)
{
    return &host;
}

/* ---- what came of it ---- */

/* NULL: the function has said one thing, as it should. */
static const char *wrong_number(const struct plugin_call *self)
{
    if (self->n_results > 0 && self->n_errors > 0)
        return "returned both a result and an error";
    if (self->n_results > 1)
        return "returned more than one result";
    if (self->n_errors > 1)
        return "raised more than one error";
    if (self->n_results + self->n_errors == 0)
        return "returned neither a result nor an error";
    return self->is_too_large ? "returned more than 256 MiB" : NULL;
}

static void complain(const struct plugin_call *self, const char *what, const char *more)
{
    const struct plugin_function *function = self->call->function->context;
    function_raise(self->call, "RuntimeError", "the function '%s' of plugin %s %s%s",
                   self->call->function->name, function->file, what, more);
}

static void answer_result(struct plugin_call *self)
{
    struct error e;
    json_t *value = json_read(self->result, self->result_size, &e);
    if (value)
        function_return_json(self->call, value);
    else
        complain(self, "returned what is not JSON: ", e.text);
}

static void answer_error(struct plugin_call *self)
{
    if (!exception_may_be_raised(self->type))
        complain(self, "raised an error whose type is not the name of an exception", "");
    else if (!utf8_is_valid(self->message, strlen(self->message)))
        complain(self, "raised an error whose message is not UTF-8: ", self->type);
    else
        function_raise(self->call, self->type, "%s", self->message);
}

void plugin_call_run(struct function_call *call)
{
    const struct plugin_function *function = call->function->context;
    struct buffer arguments = {0};
    json_write(&arguments, call->args);
    struct plugin_call self = {
        .face = {.size = sizeof self.face,
                 .host = &host,
                 .arguments = memory_need(arguments.failed ? NULL : arguments.bytes),
                 .arguments_size = arguments.size,
                 .context = function->described.context},
        .call = call};
    function->described.run(&self.face);
    const char *wrong = wrong_number(&self);
    if (wrong)
        complain(&self, wrong, "");
    else if (self.result)
        answer_result(&self);
    else
        answer_error(&self);
    buffer_release(&arguments);
    free(self.result);
    free(self.type);
    free(self.message);
}
