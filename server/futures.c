/* POST /v1/tasks/{id}/futures/{name}, and the same with a signed URL: sets a future of a task. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "schema/exception_type.h"
#include "schema/json.h"
#include "server/body.h"
#include "server/callback.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

static const char *const no_parameters[] = {NULL};

/* ---- the body ---- */

static void check_error_member(const char *key, const json_t *value, struct error_list *errors)
{
    const char *text = json_string_value(value);
    char pointer[512];
    body_pointer(pointer, "/error", key);
    if (strcmp(key, "type") == 0 && !text)
        error_list_add(errors, pointer, "must be the name of an exception type");
    else if (strcmp(key, "type") == 0 && !exception_may_be_raised(text))
        error_list_add(errors, pointer, EXCEPTION_REFUSAL, text);
    else if (strcmp(key, "message") == 0 && !text && !json_is_null(value))
        error_list_add(errors, pointer, "must be a string, or null");
    else if (strcmp(key, "type") != 0 && strcmp(key, "message") != 0)
        error_list_add(errors, pointer,
                       "there is no member '%.100s' here; an error has 'type' and 'message'", key);
}

static void check_error(const json_t *error, struct error_list *errors)
{
    const char *key;
    json_t *value;
    if (!json_is_object(error)) {
        error_list_add(errors, "/error", "must be an object with the member 'type'");
        return;
    }
    if (!json_object_get(error, "type"))
        error_list_add(errors, "/error", "the member 'type' is missing");
    json_object_foreach((json_t *)(uintptr_t)error, key, value)
        check_error_member(key, value, errors);
}

static void check(const json_t *body, struct error_list *errors)
{
    static const char *const members[] = {"result", "error", NULL};
    const json_t *error = json_object_get(body, "error");
    body_check_members(errors, body, members);
    if (!json_object_get(body, "result") == !error)
        error_list_add(errors, "", "exactly one of 'result' and 'error' is needed");
    if (error)
        check_error(error, errors);
}

static void check_size(const struct request *request, size_t size, const char *pointer,
                       struct error_list *errors)
{
    size_t limit = request->server->config->max_result;
    if (size > limit)
        error_list_add(errors, pointer, "has %zu bytes, more than the limit of %zu (--max-result)",
                       size, limit);
}

/* The texts that the record borrows, into the request: one behind the other. */
static void keep_error(struct request *request, const json_t *error, struct future_record *record,
                       struct error_list *errors)
{
    struct buffer texts = {0};
    const char *type = json_string_value(json_object_get(error, "type"));
    const char *message = json_string_value(json_object_get(error, "message"));
    buffer_add(&texts, type, strlen(type) + 1);
    if (message)
        buffer_add(&texts, message, strlen(message) + 1);
    check_size(request, texts.size, "/error/message", errors);
    if (!(request->text = buffer_take(&texts)))
        return;
    record->type = request->text;
    record->message = message ? request->text + strlen(type) + 1 : NULL;
}

static void keep_result(struct request *request, const json_t *result, struct future_record *record,
                        struct error_list *errors)
{
    struct buffer text = {0};
    json_write(&text, result);
    check_size(request, text.size, "/result", errors);
    record->result = request->text = buffer_take(&text);
}

/* False when it is not acceptable; then it is answered. */
static bool read_outcome(struct request *request, struct future_record *record)
{
    struct error_list errors = {0};
    json_t *body = body_read(request);
    if (!body)
        return false;
    check(body, &errors);
    if (errors.n == 0 && json_object_get(body, "error"))
        keep_error(request, json_object_get(body, "error"), record, &errors);
    else if (errors.n == 0)
        keep_result(request, json_object_get(body, "result"), record, &errors);
    bool is_good = errors.n == 0 && request->text;
    if (errors.n > 0)
        reply_errors(request, &errors);
    else if (!is_good)
        reply_code(request, ERROR_NO_MEMORY);
    error_list_release(&errors);
    json_decref(body);
    return is_good;
}

/* ---- the answers ---- */

static void reply_future(struct request *request, bool is_done)
{
    struct buffer b = {0};
    buffer_text(&b, "{\"name\":");
    buffer_json_string(&b, request->name, strlen(request->name));
    buffer_text(&b, is_done ? ",\"done\":true}" : ",\"done\":false}");
    reply_json(request, 200, &b);
}

static void reply_ended(struct request *request)
{
    reply_problem(request, 409, "the task has ended");
}

/* Either the task has ended by now, or the future is done. */
static void answer_conflict(struct request *request)
{
    if (!task_read(request, 0))
        return;
    if (task_state_is_final(request->record->state))
        reply_ended(request);
    else
        reply_problem(request, 409,
                      "InvalidStateError: invalid state: the future '%.200s' is done: it was set "
                      "before, or cancelled with a task that awaited it",
                      request->name);
}

static void answer_refused(struct request *request)
{
    if (request->outcome == -ERROR_INVALID)
        reply_problem(request, 404, "no 'future' node of this task has the name '%.200s'",
                      request->name);
    else if (request->outcome == -ERROR_NOT_FOUND)
        reply_ended(request);
    else if (request->outcome == -ERROR_CONFLICT)
        answer_conflict(request);
    else
        reply_code(request, (enum error_code) - request->outcome);
}

static void answer_set(struct request *request)
{
    if (request->outcome == 0)
        reply_future(request, true);
    else
        answer_refused(request);
}

static void answer_look(struct request *request)
{
    if (request->outcome == 0 || request->outcome == -ERROR_NOT_FOUND)
        reply_future(request, request->outcome != 0 || request->future.is_done);
    else
        answer_refused(request);
}

/* [loop] */
static void future_asked(struct future_request *future, int status)
{
    struct request *request = CONTAINER_OF(future, struct request, future);
    request->outcome = status;
    request_wake(request);
}

/* About the future of that name of a task that has not ended: request->record says where it is. */
static void ask(struct request *request, const struct future_record *record, bool is_look)
{
    struct server *server = request->server;
    if (!server_may_ask(server)) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->future = (struct future_request){
        .loop = request->record->loop, .record = *record, .is_look = is_look, .done = future_asked};
    request->future.record.task = request->id;
    request->future.record.name = request->name;
    request_park(request, is_look ? answer_look : answer_set);
    runtime_ask_future(server->runtime, &request->future);
    server_asked(server);
}

/* ---- the requests ---- */

void set_task_future(struct request *request)
{
    struct future_record record = {.name = request->name};
    if (!query_check(request, no_parameters) || !read_outcome(request, &record) ||
        !task_read(request, 0))
        return;
    if (task_state_is_final(request->record->state))
        reply_ended(request);
    else
        ask(request, &record, false);
}

/* Whom a token names, in place of the path's own id and name. One that is wrong is told nothing. */
static bool read_token(struct request *request)
{
    char *name;
    if (!callback_read(request->server, request->name, &request->id, &name)) {
        reply_problem(request, 404, "there is no such callback");
        return false;
    }
    free(request->name);
    request->name = name;
    return true;
}

void post_callback(struct request *request)
{
    if (query_check(request, no_parameters) && read_token(request))
        set_task_future(request);
}

void get_callback(struct request *request)
{
    if (!query_check(request, no_parameters) || !read_token(request) || !task_read(request, 0))
        return;
    if (task_state_is_final(request->record->state))
        reply_future(request, true);
    else
        ask(request, &(struct future_record){0}, true);
}
