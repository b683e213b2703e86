#include "server/reply.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/safe_mode.h"

/* code, status, and what there is to say when nobody said more. */
static const struct {
    enum error_code code;
    unsigned status;
    const char *detail;
} answers[] = {
    {ERROR_NO_MEMORY, 503, "the server is short of memory; please try again"},
    {ERROR_BAD_JSON, 400, "the body is not acceptable JSON"},
    {ERROR_INVALID, 422, "the request is not valid"},
    {ERROR_NOT_FOUND, 404, "there is no task with this id"},
    {ERROR_CONFLICT, 409, "not possible in the state that the task is in"},
    {ERROR_TOO_MANY, 503,
     "as many tasks are under way as this server takes (--max-open-tasks); "
     "please try again later"},
    {ERROR_SAFE_MODE, 503, "no job runs after so many crashes; POST /v1/resume lets them"},
    {ERROR_DRAINING, 503, "the server is shutting down; please try again once it is back"},
    {ERROR_STORE_FULL, 507, "there is no room left on the server's disk; nothing was changed"},
    {ERROR_STORE_UNKNOWN, 503,
     "the disk failed in the middle of the commit: whether the request was "
     "carried out is unknown; look once the server is back"},
};

static const struct {
    unsigned status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

const char *reply_title(unsigned status)
{
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

unsigned reply_status(enum error_code code)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (answers[i].code == code)
            return answers[i].status;
    return 500;
}

static const char *detail_of(enum error_code code)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (answers[i].code == code)
            return answers[i].detail;
    return "the server could not carry out the request; its log says why";
}

/* ---- responses ---- */

struct MHD_Response *reply_new(struct request *request, struct buffer *body, const char *type)
{
    size_t size = body->size;
    request->answer_size = size;
    char *bytes = buffer_take(body);
    if (!bytes)
        return NULL;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(bytes);
    reply_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return response;
}

struct MHD_Response *reply_static(struct request *request, const char *bytes, size_t size,
                                  const char *type)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT);
    request->answer_size = size;
    reply_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return response;
}

struct MHD_Response *reply_empty(void)
{
    return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
}

void reply_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (response)
        MHD_add_response_header(response, name, value);
}

void reply_preference(const struct request *request, struct MHD_Response *response)
{
    char applied[32];
    if (!request->prefer_was_followed)
        return;
    snprintf(applied, sizeof(applied), "wait=%s", request->prefer);
    reply_header(response, "Preference-Applied", applied);
}

void reply_send(struct request *request, unsigned status, struct MHD_Response *response)
{
    reply_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    reply_header(response, "X-Content-Type-Options", "nosniff");
    if (status == 503)
        reply_header(response, MHD_HTTP_HEADER_RETRY_AFTER,
                     safe_mode_is_on(request->server) ? SAFE_MODE_RETRY_AFTER : "1");
    else if (status == 507)
        reply_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "10");
    if (request->is_replayed)
        reply_header(response, "Idempotency-Replayed", "true");
    if (request->must_close || request->server->is_draining)
        reply_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    request->response = response ? response : request->server->no_memory;
    request->status = response ? status : 503;
}

void reply_json(struct request *request, unsigned status, struct buffer *body)
{
    buffer_char(body, '\n');
    reply_send(request, status, reply_new(request, body, TYPE_JSON));
}

/* ---- problems ---- */

static void problem_begin(struct buffer *b, unsigned status, const char *detail)
{
    buffer_format(b, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":",
                  reply_title(status), status);
    buffer_json_message(b, detail);
}

void reply_write_problem(struct buffer *b, unsigned status, const char *detail)
{
    problem_begin(b, status, detail);
    buffer_text(b, "}\n");
}

static void problem_end(struct request *request, unsigned status, struct buffer *b)
{
    buffer_text(b, "}\n");
    reply_send(request, status, reply_new(request, b, "application/problem+json"));
}

void reply_problem(struct request *request, unsigned status, const char *detail, ...)
{
    char text[1024];
    struct buffer b = {0};
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(text, sizeof(text), detail, arguments);
    va_end(arguments);
    problem_begin(&b, status, text);
    problem_end(request, status, &b);
}

void reply_refusal(struct request *request, unsigned status, const char *detail, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(text, sizeof(text), detail, arguments);
    va_end(arguments);
    request->must_close = true;
    reply_problem(request, status, "%s", text);
}

void reply_error(struct request *request, const struct error *error)
{
    struct buffer b = {0};
    unsigned status = reply_status(error->code);
    problem_begin(&b, status, status == 500 ? detail_of(error->code) : error->text);
    if (*error->pointer) {
        buffer_text(&b, ",\"pointer\":");
        buffer_json_message(&b, error->pointer);
    }
    problem_end(request, status, &b);
}

void reply_code(struct request *request, enum error_code code)
{
    reply_problem(request, reply_status(code), "%s", detail_of(code));
}

void reply_errors(struct request *request, const struct error_list *errors)
{
    if (errors->capacity == 0) { /* there was no memory even for the list */
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    struct buffer b = {0};
    problem_begin(&b, 422, errors->items[0].detail);
    buffer_text(&b, ",\"pointer\":");
    buffer_json_message(&b, errors->items[0].pointer);
    for (size_t i = 0; i < errors->n; i++) {
        buffer_text(&b, i == 0 ? ",\"errors\":[{\"pointer\":" : ",{\"pointer\":");
        buffer_json_message(&b, errors->items[i].pointer);
        buffer_text(&b, ",\"detail\":");
        buffer_json_message(&b, errors->items[i].detail);
        buffer_char(&b, '}');
    }
    buffer_char(&b, ']');
    problem_end(request, 422, &b);
}

void reply_not_allowed(struct request *request, const char *allow)
{
    reply_problem(request, 405, "this path takes %s", allow);
    if (request->response != request->server->no_memory)
        reply_header(request->response, MHD_HTTP_HEADER_ALLOW, allow);
}
