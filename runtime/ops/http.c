/* http: one request, as a client session's request() sends it, and its whole response. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/host_url.h"
#include "runtime/http_request.h"
#include "runtime/loop.h"
#include "runtime/ops/operation.h"

enum {
    METHOD,
    URL,
    HEADERS,
    JSON,
    BODY,
    RAISE_FOR_STATUS,
    TIMEOUT,
    MAX_BODY,
    FOLLOW_REDIRECTS,
    MAX_REDIRECTS
};

static const struct field_shape fields[] = {
    [METHOD] = {.name = "method", .type = FIELD_TEXT},
    [URL] = {.name = "url", .type = FIELD_TEXT, .required = true},
    [HEADERS] = {.name = "headers", .type = FIELD_TEXT_MAP},
    [JSON] = {.name = "json", .type = FIELD_JSON},
    [BODY] = {.name = "body", .type = FIELD_TEXT},
    [RAISE_FOR_STATUS] = {.name = "raise_for_status", .type = FIELD_BOOLEAN},
    [TIMEOUT] = {.name = "timeout", .type = FIELD_NUMBER, .max = SECONDS_MAX},
    [MAX_BODY] = {.name = "max_body", .type = FIELD_INTEGER, .min = 1, .max = 64 << 20},
    [FOLLOW_REDIRECTS] = {.name = "follow_redirects", .type = FIELD_BOOLEAN},
    [MAX_REDIRECTS] = {.name = "max_redirects", .type = FIELD_INTEGER, .max = 20},
};

#define TIMEOUT_DEFAULT 300.0 /* aiohttp's */
#define MAX_BODY_DEFAULT (4 << 20)
#define MAX_REDIRECTS_DEFAULT 5

/* ---- what may not be ---- */

static const char *check_url(const char *url)
{
    return url_is_http(url)
               ? NULL
               : "must be an http or https URL with a host, with anything special in it percent-"
                 "encoded";
}

/* Of "Name=value" texts; *at is the name. */
static const char *check_headers(const char *const *pairs, char at[64])
{
    for (; *pairs; pairs++) {
        const char *equals = strchr(*pairs, '=');
        char *name = memory_need(strndup(*pairs, (size_t)(equals - *pairs)));
        const char *wrong = http_check_header(name, equals + 1);
        snprintf(at, 64, "%.63s", name);
        free(name);
        if (wrong)
            return wrong;
    }
    return NULL;
}

/* The first of the node's fields that cannot be sent. Those that `unknown` names are not known yet.
 */
static const char *find_wrong(const union argument *given, uint32_t present, uint32_t unknown,
                              int *field, char header[64])
{
    uint32_t known = present & ~unknown;
    const char *wrong = NULL;
    header[0] = '\0';
    if (present >> JSON & present >> BODY & 1)
        return *field = BODY, "cannot be given together with 'json'";
    if (known >> METHOD & 1 && (wrong = http_check_method(given[METHOD].text->bytes)))
        return *field = METHOD, wrong;
    if (known >> URL & 1 && (wrong = check_url(given[URL].text->bytes)))
        return *field = URL, wrong;
    if (known >> HEADERS & 1 && (wrong = check_headers(given[HEADERS].texts, header)))
        return *field = HEADERS, wrong;
    return NULL;
}

static bool http_check(const struct services *services, const struct node *node,
                       struct node_complaint *complaint)
{
    char header[64];
    const char *wrong =
        find_wrong(node->arguments, node->present, node->dynamic, &complaint->field, header);
    (void)services;
    if (wrong && *header)
        snprintf(complaint->text, sizeof complaint->text, "'%s' %s", header, wrong);
    else if (wrong)
        snprintf(complaint->text, sizeof complaint->text, "%s", wrong);
    return !wrong;
}

/* What a reference brought. */
static struct value *wrong_argument(struct task *task, struct frame *frame, int field,
                                    const char *header, const char *wrong)
{
    char message[400];
    snprintf(message, sizeof message, "'%s' %s", *header ? header : fields[field].name, wrong);
    return exception_new(task->job->plan, frame->node,
                         &(struct exception_parts){.type = "ValueError", .message = message});
}

/* ---- the request ---- */

static void set_method(struct http_request *request, const char *method)
{
    request->method = memory_need(strdup(method));
    for (char *c = request->method; *c; c++)
        *c = (char)toupper((unsigned char)*c);
}

static void set_body(struct http_request *request, struct buffer *body, const char *type)
{
    memory_need(body->bytes);
    request->body_size = body->size;
    request->body = buffer_take(body);
    if (!http_request_has(request, "Content-Type"))
        http_request_add(request, "Content-Type", type);
}

static void add_headers(struct http_request *request, const char *const *pairs)
{
    for (; *pairs; pairs++) {
        const char *equals = strchr(*pairs, '=');
        char *name = memory_need(strndup(*pairs, (size_t)(equals - *pairs)));
        http_request_add(request, name, equals + 1);
        free(name);
    }
}

/* W3C Trace Context: all requests of a task are of one trace, whose number is the task's id. */
static void add_traceparent(struct http_request *request, const struct id *id)
{
    struct buffer value = {0};
    buffer_text(&value, "00-");
    for (size_t i = 0; i < 24; i++)
        buffer_format(&value, "%s%02x", i == 16 ? "-" : "", id->bytes[i < 16 ? i : i - 8]);
    buffer_text(&value, "-01");
    http_request_add(request, "traceparent", memory_need(value.bytes));
    buffer_release(&value);
}

static struct http_request *make_request(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    struct http_request *request = http_request_new();
    struct buffer body = {0};
    bool has_json = frame_has(task, frame, JSON), has_text = frame_has(task, frame, BODY);
    request->url = memory_need(strdup(given[URL].text->bytes));
    set_method(request, frame_has(task, frame, METHOD) ? given[METHOD].text->bytes
                        : has_json || has_text         ? "POST"
                                                       : "GET");
    if (frame_has(task, frame, HEADERS))
        add_headers(request, given[HEADERS].texts);
    buffer_text(&body, "");
    if (has_json)
        value_write(&body, given[JSON].json);
    if (has_text)
        buffer_add(&body, given[BODY].text->bytes, given[BODY].text->size);
    if (has_json || has_text)
        set_body(request, &body, has_json ? "application/json" : "text/plain; charset=utf-8");
    if (!http_request_has(request, "traceparent"))
        add_traceparent(request, &task->job->record->id);
    request->timeout = frame_has(task, frame, TIMEOUT) ? given[TIMEOUT].number : TIMEOUT_DEFAULT;
    request->max_body =
        frame_has(task, frame, MAX_BODY) ? (size_t)given[MAX_BODY].integer : MAX_BODY_DEFAULT;
    request->max_redirects = frame_has(task, frame, MAX_REDIRECTS)
                                 ? (unsigned)given[MAX_REDIRECTS].integer
                                 : MAX_REDIRECTS_DEFAULT;
    request->follows_redirects =
        !frame_has(task, frame, FOLLOW_REDIRECTS) || given[FOLLOW_REDIRECTS].integer;
    request->raises_for_status =
        !frame_has(task, frame, RAISE_FOR_STATUS) || given[RAISE_FOR_STATUS].integer;
    return request;
}

static struct action http_start(struct task *task, struct frame *frame)
{
    const struct node *node = frame_node(task, frame);
    char header[64];
    int field = 0;
    ((struct operation_frame *)frame)->operation = NULL;
    const char *wrong =
        node->dynamic ? find_wrong(frame_arguments(task, frame), node->present, 0, &field, header)
                      : NULL;
    if (wrong)
        return action_raise(wrong_argument(task, frame, field, header, wrong));
    return operation_begin(task, frame, &make_request(task, frame)->operation);
}

const struct op op_http = {
    .shape = {.name = "http",
              .fields = fields,
              .n_fields = sizeof fields / sizeof *fields,
              .frame_size = sizeof(struct operation_frame),
              .has_effects = true},
    .start = http_start,
    .cancelled = operation_cancelled,
    .check = http_check,
    .release = operation_release,
};
