/* Event loops: what there is, opening and closing them, their exception handlers. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/host/host_url.h"
#include "server/body.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

#define URL_MAX_BYTES 2000

static const char *const no_parameters[] = {NULL};

/* ---- the resource ---- */

static void write_loop(struct buffer *b, const struct loop_info *loop)
{
    buffer_text(b, "{\"name\":");
    buffer_json_string(b, loop->name, strlen(loop->name));
    buffer_format(b, ",\"running\":%s,\"open_tasks\":%zu,\"exception_handler\":",
                  loop->is_running ? "true" : "false", loop->n_open);
    if (loop->handler)
        buffer_json_string(b, loop->handler, strlen(loop->handler));
    else
        buffer_text(b, "null");
    buffer_format(b, ",\"lag\":{\"p50\":%.6f,\"p99\":%.6f,\"max\":%.6f,\"over\":%.3f}}",
                  loop->lag.p50, loop->lag.p99, loop->lag.max, loop->lag.over);
}

static void answer_failure(struct request *request)
{
    if (request->outcome == -ERROR_NOT_FOUND)
        reply_problem(request, 404, "there is no loop '%.200s'", request->name);
    else if (request->outcome == -ERROR_TOO_MANY)
        reply_problem(request, 503, "there are %d loops, as many as this server takes", LOOPS_MAX);
    else
        reply_code(request, (enum error_code) - request->outcome);
}

/* ---- looking ---- */

/* [loop] */
static void list_done(struct loop_list *list, int status)
{
    struct request *request = CONTAINER_OF(list, struct request, loops);
    request->outcome = status;
    request->listed = list->loops;
    request_wake(request);
}

static void look(struct request *request, void (*next)(struct request *request))
{
    if (!server_may_ask(request->server)) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->loops = (struct loop_list){.done = list_done};
    request_park(request, next);
    runtime_list_loops(request->server->runtime, &request->loops);
    server_asked(request->server);
}

static void answer_loops(struct request *request)
{
    const struct loop_list *list = &request->loops;
    struct buffer b = {0};
    if (request->outcome != 0) {
        answer_failure(request);
        return;
    }
    buffer_text(&b, "{\"loops\":[");
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0)
            buffer_char(&b, ',');
        write_loop(&b, &list->loops[i]);
    }
    buffer_text(&b, "]}");
    reply_json(request, 200, &b);
}

void get_loops(struct request *request)
{
    if (query_check(request, no_parameters))
        look(request, answer_loops);
}

/* That of the path. */
static void answer_loop(struct request *request)
{
    const struct loop_list *list = &request->loops;
    struct buffer b = {0};
    size_t i = 0;
    while (request->outcome == 0 && i < list->n && strcmp(list->loops[i].name, request->name) != 0)
        i++;
    if (request->outcome == 0 && i == list->n)
        request->outcome = -ERROR_NOT_FOUND;
    if (request->outcome == 0) {
        write_loop(&b, &list->loops[i]);
        reply_json(request, 200, &b);
    } else
        answer_failure(request);
}

void get_loop(struct request *request)
{
    if (query_check(request, no_parameters))
        look(request, answer_loop);
}

/* ---- bodies ---- */

/* NULL or absent: none. */
static void check_handler(const json_t *value, const char *pointer, struct error_list *errors)
{
    const char *url = json_string_value(value);
    if (!value || json_is_null(value))
        return;
    if (!url || strlen(url) > URL_MAX_BYTES || !url_is_http(url))
        error_list_add(errors, pointer,
                       "must be null, or the URL that errors are posted to: "
                       "http://… or https://…, at most %d bytes",
                       URL_MAX_BYTES);
}

static void check_name(const json_t *value, struct error_list *errors)
{
    const char *name = json_string_value(value);
    if (!value)
        error_list_add(errors, "", "the member 'name' is missing: what the loop is to be called");
    else if (!name || !name_is_good(name))
        error_list_add(errors, "/name", "must be a name: " NAME_RULE);
}

/* Copies a text, which may be absent, to *out. False when out of memory. */
static bool copy_text(const json_t *value, char **out)
{
    const char *text = json_string_value(value);
    *out = text ? strdup(text) : NULL;
    return !text == !*out;
}

/* ---- changing ---- */

/* [loop] */
static void change_done(struct loop_request *change, int status)
{
    struct request *request = CONTAINER_OF(change, struct request, loop);
    request->outcome = status;
    request_wake(request);
}

/* Of the loop request->name, with the handler request->text. */
static void change(struct request *request,
                   void (*ask)(struct runtime *runtime, struct loop_request *change),
                   void (*next)(struct request *request))
{
    if (!server_may_ask(request->server)) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->loop =
        (struct loop_request){.name = request->name, .handler = request->text, .done = change_done};
    request_park(request, next);
    ask(request->server->runtime, &request->loop);
    server_asked(request->server);
}

/* Reads the body and goes on with `check`, which adds what is wrong, then `take`, which is false
 * when out of memory. False when it is answered. */
static bool read_body(struct request *request,
                      void (*check)(json_t *body, struct error_list *errors),
                      bool (*take)(struct request *request, const json_t *body))
{
    struct error_list errors = {0};
    json_t *body = body_read(request);
    if (!body)
        return false;
    check(body, &errors);
    bool is_good = errors.n == 0, is_taken = is_good && take(request, body);
    if (!is_good)
        reply_errors(request, &errors);
    else if (!is_taken)
        reply_code(request, ERROR_NO_MEMORY);
    error_list_release(&errors);
    json_decref(body);
    return is_taken;
}

/* ---- POST /v1/loops ---- */

static void check_opening(json_t *body, struct error_list *errors)
{
    static const char *const members[] = {"name", "exception_handler", NULL};
    check_name(json_object_get(body, "name"), errors);
    check_handler(json_object_get(body, "exception_handler"), "/exception_handler", errors);
    body_check_members(errors, body, members);
}

static bool take_opening(struct request *request, const json_t *body)
{
    return copy_text(json_object_get(body, "name"), &request->name) &&
           copy_text(json_object_get(body, "exception_handler"), &request->text);
}

static void answer_opened(struct request *request)
{
    struct buffer b = {0}, location = {0};
    if (request->outcome == -ERROR_CONFLICT) {
        reply_problem(request, 409, "there is a loop '%s' already", request->name);
        return;
    }
    if (request->outcome != 0) {
        answer_failure(request);
        return;
    }
    write_loop(&b, &(struct loop_info){
                       .name = request->name, .handler = request->text, .is_running = true});
    buffer_char(&b, '\n');
    struct MHD_Response *response = reply_new(request, &b, TYPE_JSON);
    buffer_format(&location, "/v1/loops/%s", request->name);
    if (location.bytes)
        reply_header(response, MHD_HTTP_HEADER_LOCATION, location.bytes);
    buffer_release(&location);
    reply_send(request, 201, response);
}

void post_loop(struct request *request)
{
    if (query_check(request, no_parameters) && read_body(request, check_opening, take_opening))
        change(request, runtime_open_loop, answer_opened);
}

/* ---- DELETE /v1/loops/{name} ---- */

static void answer_closed(struct request *request)
{
    if (request->outcome == 0)
        reply_send(request, 204, reply_empty());
    else if (request->outcome == -ERROR_CONFLICT)
        reply_problem(request, 409,
                      "the loop '%s' cannot be closed: it has tasks that have not ended, or is one "
                      "that the server starts with",
                      request->name);
    else
        answer_failure(request);
}

void delete_loop(struct request *request)
{
    if (query_check(request, no_parameters))
        change(request, runtime_close_loop, answer_closed);
}

/* ---- PUT /v1/loops/{name}/exception-handler ---- */

static void check_setting(json_t *body, struct error_list *errors)
{
    static const char *const members[] = {"url", NULL};
    const json_t *url = json_object_get(body, "url");
    if (!url)
        error_list_add(
            errors, "",
            "the member 'url' is missing: where unhandled errors are posted to, or null");
    check_handler(url, "/url", errors);
    body_check_members(errors, body, members);
}

static bool take_setting(struct request *request, const json_t *body)
{
    return copy_text(json_object_get(body, "url"), &request->text);
}

static void answer_set(struct request *request)
{
    if (request->outcome != 0)
        answer_failure(request);
    else
        look(request, answer_loop);
}

void put_exception_handler(struct request *request)
{
    if (query_check(request, no_parameters) && read_body(request, check_setting, take_setting))
        change(request, runtime_set_handler, answer_set);
}
