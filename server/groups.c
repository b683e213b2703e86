/* One group: open, look, wait, close, cancel, delete, and tasks into it. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "server/body.h"
#include "server/group_resource.h"
#include "server/idempotency.h"
#include "server/query.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"
#include "server/wait.h"

/* ---- asking the runtime ---- */

/* [loop] */
static void group_asked(struct group_request *group, int status)
{
    struct request *request = CONTAINER_OF(group, struct request, group);
    request->outcome = status;
    request_wake(request);
}

/* False, and 503, when it may not be asked any more. */
static bool ask(struct request *request, struct group_request asked,
                void (*call)(struct runtime *runtime, struct group_request *group),
                void (*next)(struct request *request))
{
    struct server *server = request->server;
    if (!server_may_ask(server))
        return false;
    asked.id = request->id;
    asked.done = group_asked;
    request->group = asked;
    request_park(request, next);
    call(server->runtime, &request->group);
    server_asked(server);
    return true;
}

/* The group as the store has it, under what the runtime has just said of it. False when it is
 * answered. */
static bool find_as_told(struct request *request, struct group_record *record)
{
    if (!group_find(request, &request->id, record))
        return false;
    if (request->outcome == 0)
        record->facts = request->group.facts;
    return true;
}

/* ---- POST /v1/groups ---- */

static bool read_fields(struct request *request, json_t *body, double *timeout)
{
    static const char *const members[] = {"name", "timeout", NULL};
    struct error_list errors = {0};
    const char *key, *name = NULL;
    json_t *value;
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "name") == 0)
            name = body_check_name(&errors, value) ? json_string_value(value) : NULL;
        else if (strcmp(key, "timeout") == 0)
            body_check_timeout(&errors, value, timeout);
        else
            body_refuse_member(&errors, key, members);
    }
    request->group_record.name = name ? strdup(name) : NULL;
    if (errors.n > 0)
        reply_errors(request, &errors);
    else if (name && !request->group_record.name)
        reply_code(request, ERROR_NO_MEMORY);
    error_list_release(&errors);
    return !request->response;
}

#define GROUPS "/v1/groups/"

/* False when it is answered: also when it came before, with the same key. */
static bool is_new(struct request *request, const json_t *body)
{
    enum idempotency_found found = idempotency_look(request, body);
    if (found == IDEMPOTENCY_REPEATED)
        idempotency_reply(request, 201, GROUPS);
    return found == IDEMPOTENCY_NEW;
}

/* Without a body it is a group without a name and without a timeout. */
static bool read_group_body(struct request *request, double *timeout)
{
    if (request->body_size == 0)
        return is_new(request, NULL);
    json_t *body = body_read(request);
    bool is_good = body && is_new(request, body) && read_fields(request, body, timeout);
    json_decref(body);
    return is_good;
}

/* What comes before it is opened is what the answer says. */
static void write_answer(struct idempotency *idempotency, const struct group_record *record)
{
    struct buffer body = {0};
    group_write_opened(&body, record, idempotency->record.tag);
    idempotency_set_answer(idempotency, &record->id, &body);
}

static void answer_opened(struct request *request)
{
    struct group_record record;
    if (request->outcome == -ERROR_REPEATED) {
        if (idempotency_look_again(request))
            idempotency_reply(request, 201, GROUPS);
    } else if (request->outcome == -ERROR_TOO_MANY)
        reply_problem(request, 503,
                      "as many groups are open as this server takes (--max-open-tasks); please "
                      "try again later");
    else if (request->outcome != 0)
        reply_code(request, (enum error_code) - request->outcome);
    else if (request->idempotency)
        idempotency_reply(request, 201, GROUPS);
    else if (find_as_told(request, &record)) {
        group_reply(request, 201, &record);
        group_record_release(&record);
    }
}

void open_group(struct request *request)
{
    static const char *const known[] = {NULL};
    struct group_record *record = &request->group_record;
    double timeout = TIMEOUT_NEVER;
    if (!query_check(request, known) || !read_group_body(request, &timeout))
        return;
    record->facts.created_at_us = now_us();
    record->id = request->id = id_make(record->facts.created_at_us, lane_random(request->lane));
    if (timeout != TIMEOUT_NEVER)
        record->facts.deadline_at_us = record->facts.created_at_us + (int64_t)(timeout * 1e6);
    struct group_request asked = {.record = record};
    if (request->idempotency) {
        write_answer(request->idempotency, record);
        asked.key = &request->idempotency->record;
    }
    if (!ask(request, asked, runtime_open_group, answer_opened))
        reply_code(request, ERROR_DRAINING);
}

/* ---- GET /v1/groups/{id} ---- */

static void answer_looked(struct request *request)
{
    struct group_record record;
    if (!find_as_told(request, &record))
        return;
    bool has_finished = group_state_is_final(record.facts.state);
    group_reply(request, request->method == METHOD_GET || has_finished ? 200 : 202, &record);
    group_record_release(&record);
}

/* What it does not tell itself, the runtime knows: a finished group is in the store for good. While
 * the server drains, the store has to do. */
static void look(struct request *request)
{
    struct group_record record;
    if (!group_find(request, &request->id, &record))
        return;
    bool has_finished = group_state_is_final(record.facts.state);
    group_record_release(&record);
    request->outcome = -ERROR_NOT_FOUND;
    if (has_finished ||
        !ask(request, (struct group_request){0}, runtime_look_at_group, answer_looked))
        answer_looked(request);
}

/* Until the group has finished, or the time is over. */
static void wait_and_look(struct request *request, double seconds)
{
    struct server *server = request->server;
    if (seconds <= 0 || !server_may_ask(server)) {
        look(request);
        return;
    }
    wait_prepare(request, &request->id, seconds);
    request_park(request, look);
    runtime_wait_for_group(server->runtime, &request->waiter);
    server_asked(server);
}

void get_group(struct request *request)
{
    static const char *const known[] = {"wait", "limit", "cursor", NULL};
    double seconds;
    struct group_record record;
    if (!query_check(request, known) || !wait_read(request, &seconds) ||
        !group_check_page(request) || !group_find(request, &request->id, &record))
        return;
    group_record_release(&record);
    wait_and_look(request, seconds);
}

/* ---- POST /v1/groups/{id}/close, /cancel ---- */

static void reply_not_changed(struct request *request, const struct group_record *record)
{
    if (!group_state_is_final(record->facts.state))
        reply_problem(request, 503, "the group cannot be changed just now; please try again");
    else
        reply_problem(request, 409, "the group has finished already (%s)",
                      group_state_name(record->facts.state));
}

/* Closing one that has finished is no fault: who leaves the `async with` learns how it ended. */
static void answer_closed(struct request *request)
{
    struct group_record record;
    double seconds;
    if (request->outcome != 0 && request->outcome != -ERROR_NOT_FOUND) {
        reply_code(request, (enum error_code) - request->outcome);
        return;
    }
    wait_read(request, &seconds);
    if (request->outcome == 0 && seconds > 0) {
        wait_and_look(request, seconds);
        return;
    }
    if (!find_as_told(request, &record))
        return;
    bool has_finished = group_state_is_final(record.facts.state);
    if (request->outcome == 0 || has_finished)
        group_reply(request, has_finished ? 200 : 202, &record);
    else
        reply_not_changed(request, &record);
    group_record_release(&record);
}

void close_group(struct request *request)
{
    static const char *const known[] = {"wait", NULL};
    double seconds;
    if (!query_check(request, known) || !wait_read(request, &seconds))
        return;
    if (!ask(request, (struct group_request){0}, runtime_close_group, answer_closed))
        reply_code(request, ERROR_DRAINING);
}

static void answer_cancelled(struct request *request)
{
    struct group_record record;
    if (request->outcome != 0 && request->outcome != -ERROR_NOT_FOUND)
        reply_code(request, (enum error_code) - request->outcome);
    else if (find_as_told(request, &record)) {
        if (request->outcome == 0)
            group_reply(request, 202, &record);
        else
            reply_not_changed(request, &record);
        group_record_release(&record);
    }
}

void cancel_group(struct request *request)
{
    static const char *const known[] = {NULL};
    if (!query_check(request, known) || !message_read(request, &request->text))
        return;
    if (!ask(request, (struct group_request){.text = request->text}, runtime_cancel_group,
             answer_cancelled))
        reply_code(request, ERROR_DRAINING);
}

/* ---- POST /v1/groups/{id}/tasks ---- */

/* A task that is refused need not be read. */
static bool takes_tasks(struct request *request)
{
    struct group_record record;
    if (!group_find(request, &request->id, &record))
        return false;
    if (record.facts.state != GROUP_OPEN)
        group_refuse_task(request, &record.facts);
    group_record_release(&record);
    return !request->response;
}

/* With a key it may be a repetition of what the group took before: that is found out first. */
void submit_to_group(struct request *request)
{
    static const char *const known[] = {"wait", NULL};
    if (!query_check(request, known) ||
        (!request->headers.idempotency_key && !takes_tasks(request)))
        return;
    request->parent = request->id;
    request->has_parent = true;
    submit_task(request);
}

/* ---- DELETE /v1/groups/{id} ---- */

static void answer_deleted(struct request *request)
{
    if (request->outcome == 0)
        reply_send(request, 204, reply_empty());
    else if (request->outcome == -ERROR_NOT_FOUND)
        reply_problem(request, 404, "there is no group with this id");
    else
        reply_code(request, (enum error_code) - request->outcome);
}

void delete_group(struct request *request)
{
    static const char *const known[] = {NULL};
    struct group_record record;
    if (!query_check(request, known) || !group_find(request, &request->id, &record))
        return;
    bool has_finished = group_state_is_final(record.facts.state);
    group_record_release(&record);
    if (!has_finished) {
        reply_problem(request, 409,
                      "the group has not finished: close or cancel it first, and delete it once "
                      "it is done");
        return;
    }
    request->text = malloc(ID_TEXT_SIZE);
    if (!request->text) {
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    id_format(&request->id, request->text);
    request->store = (struct store_request){.verb = STORE_REMOVE, .done = request_stored};
    request->store.document =
        (struct document){.kind = GROUP_KIND, .name = request->text, .body = ""};
    request_park(request, answer_deleted);
    store_submit(request->server->store, &request->store);
}
