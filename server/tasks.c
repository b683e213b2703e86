/* One task: look, wait, cancel, delete. */
#include "server/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "server/body.h"
#include "server/group_resource.h"
#include "server/query.h"
#include "server/reply.h"
#include "server/resource.h"
#include "server/routes.h"
#include "server/wait.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000
#define MESSAGE_MAX_CHARACTERS 1000

/* ---- shared ---- */

bool query_check(struct request *request, const char *const *known)
{
    struct error e;
    if (query_allow(&request->query, known, &e) == 0)
        return true;
    reply_problem(request, 400, "%s", e.text);
    return false;
}

bool limit_read(struct request *request, size_t *limit)
{
    const char *text = query_get(&request->query, "limit");
    int64_t number = LIMIT_DEFAULT;
    if (text && !parse_integer(text, 1, LIMIT_MAX, &number)) {
        reply_problem(request, 422, "limit=%.100s must be a whole number from 1 to %d", text,
                      LIMIT_MAX);
        return false;
    }
    *limit = (size_t)number;
    return true;
}

bool flag_read(struct request *request, const char *name, bool *flag)
{
    const char *text = query_get(&request->query, name);
    *flag = text && strcmp(text, "1") == 0;
    if (!text || *flag || strcmp(text, "0") == 0)
        return true;
    reply_problem(request, 422, "%s=%.100s must be 0 or 1", name, text);
    return false;
}

bool task_read(struct request *request, unsigned parts)
{
    struct error e;
    task_record_unref(request->record);
    request->record = NULL;
    int status = store_get(request->lane->reader, &request->id, parts, &request->record, &e);
    if (status == -ERROR_NOT_FOUND)
        reply_code(request, ERROR_NOT_FOUND);
    else if (status != 0)
        reply_error(request, &e);
    return status == 0;
}

/* ---- GET /v1/tasks/{id} ---- */

/* The wait is over. Without an end it may have come since. */
static void answer_waited(struct request *request)
{
    if (request->ended)
        resource_answer(request, request->ended);
    else if (task_read(request, 0))
        resource_answer(request, request->record);
}

void get_task(struct request *request)
{
    static const char *const known[] = {"wait", NULL};
    double wait;
    if (!query_check(request, known) || !wait_read(request, &wait) || !task_read(request, 0))
        return;
    bool waits = wait > 0 && !task_state_is_final(request->record->state);
    if (!waits || !server_may_ask(request->server)) {
        resource_answer(request, request->record);
        return;
    }
    wait_park(request, request->record, wait, answer_waited);
    server_asked(request->server);
}

/* ---- POST /v1/tasks/{id}/cancel ---- */

bool message_read(struct request *request, char **message)
{
    static const char *const members[] = {"message", NULL};
    struct error_list errors = {0};
    const char *key;
    json_t *value, *body;
    *message = NULL;
    if (request->body_size == 0)
        return true;
    if (!(body = body_read(request)))
        return false;
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "message") != 0)
            body_refuse_member(&errors, key, members);
        else if (json_is_string(value) && body_count_characters(value) <= MESSAGE_MAX_CHARACTERS)
            *message = strdup(json_string_value(value));
        else if (!json_is_null(value))
            error_list_add(&errors, "/message",
                           "must be a string of at most %d characters, or null",
                           MESSAGE_MAX_CHARACTERS);
    }
    bool is_good = errors.n == 0;
    if (!is_good)
        reply_errors(request, &errors);
    error_list_release(&errors);
    json_decref(body);
    return is_good;
}

/* [loop] */
static void cancellation_done(struct cancellation *cancellation, int status)
{
    struct request *request = CONTAINER_OF(cancellation, struct request, cancellation);
    request->outcome = status;
    request_wake(request);
}

static void answer_cancelled(struct request *request)
{
    if (request->outcome != 0 && request->outcome != -ERROR_NOT_FOUND)
        reply_code(request, (enum error_code) - request->outcome);
    else if (task_read(request, 0)) {
        if (request->outcome == 0)
            resource_reply(request, 202, request->record);
        else if (!task_state_is_final(request->record->state)) /* its end is not on disk yet */
            reply_problem(request, 503, "the task is ending; please try again");
        else
            reply_problem(request, 409, "the task has ended already: it %s",
                          request->record->state == TASK_CANCELLED
                              ? "was cancelled"
                              : task_state_name(request->record->state));
    }
}

void cancel_task(struct request *request)
{
    static const char *const known[] = {NULL};
    struct server *server = request->server;
    if (!query_check(request, known) || !message_read(request, &request->text) ||
        !task_read(request, 0))
        return;
    if (!server_may_ask(server)) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->cancellation = (struct cancellation){.id = request->id,
                                                  .loop = request->record->loop,
                                                  .text = request->text,
                                                  .done = cancellation_done};
    request_park(request, answer_cancelled);
    runtime_cancel(server->runtime, &request->cancellation);
    server_asked(server);
}

/* ---- DELETE /v1/tasks/{id} ---- */

static void answer_deleted(struct request *request)
{
    if (request->outcome == 0)
        reply_send(request, 204, reply_empty());
    else if (request->outcome == -ERROR_CONFLICT)
        reply_problem(request, 409,
                      "the task has not ended: cancel it first (POST …/cancel), and "
                      "delete it once it is done");
    else
        reply_code(request, (enum error_code) - request->outcome);
}

/* The group needs what came of its tasks until it has finished. */
static bool may_forget(struct request *request)
{
    struct group_record group;
    struct error e;
    if (!request->record->has_group)
        return true;
    int status = group_read(request, &request->record->group, &group, &e);
    bool goes_on = status == 0 && !group_state_is_final(group.facts.state);
    group_record_release(&group);
    if (goes_on)
        reply_problem(request, 409, "the task is one of a group that has not finished");
    else if (status < 0 && status != -ERROR_NOT_FOUND)
        reply_error(request, &e);
    return !request->response;
}

void delete_task(struct request *request)
{
    static const char *const known[] = {NULL};
    if (!query_check(request, known))
        return;
    if (!task_read(request, 0) || !may_forget(request))
        return;
    request->store = (struct store_request){
        .verb = STORE_DELETE, .record = request->record, .done = request_stored};
    request_park(request, answer_deleted);
    store_submit(request->server->store, &request->store);
}
