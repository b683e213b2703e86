/* http: one request, as a client session's request() sends it, and its whole response. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/host/host_url.h"
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

/* The first of the node's fields that cannot be sent. Those that `unknown` names are not known yet.
 */
static const char *find_wrong(const union argument *given, uint32_t present, uint32_t unknown,
                              int *field, char header[HTTP_NAME_SHOWN])
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
    if (known >> HEADERS & 1 && (wrong = http_check_headers(given[HEADERS].texts, header)))
        return *field = HEADERS, wrong;
    return NULL;
}

static bool http_check(const struct services *services, const struct node *node,
                       struct node_complaint *complaint)
{
    char header[HTTP_NAME_SHOWN];
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

static void set_body(struct http_request *request, const union argument *given, bool is_json)
{
    struct buffer body = {0};
    buffer_text(&body, "");
    if (is_json)
        value_write(&body, given[JSON].json);
    else
        buffer_add(&body, given[BODY].text->bytes, given[BODY].text->size);
    http_request_set_body(request, &body,
                          is_json ? "application/json" : "text/plain; charset=utf-8");
}

static void set_limits(struct http_request *request, const union argument *given, uint32_t present)
{
    request->timeout = present >> TIMEOUT & 1 ? given[TIMEOUT].number : TIMEOUT_DEFAULT;
    request->max_body =
        present >> MAX_BODY & 1 ? (size_t)given[MAX_BODY].integer : MAX_BODY_DEFAULT;
    request->max_redirects = present >> MAX_REDIRECTS & 1 ? (unsigned)given[MAX_REDIRECTS].integer
                                                          : MAX_REDIRECTS_DEFAULT;
    request->follows_redirects =
        !(present >> FOLLOW_REDIRECTS & 1) || given[FOLLOW_REDIRECTS].integer;
    request->raises_for_status =
        !(present >> RAISE_FOR_STATUS & 1) || given[RAISE_FOR_STATUS].integer;
}

static struct http_request *make_request(const struct task_record *record,
                                         const union argument *given, uint32_t present)
{
    bool has_json = present >> JSON & 1, has_body = has_json || present >> BODY & 1;
    struct http_request *request =
        http_request_new(present >> METHOD & 1 ? given[METHOD].text->bytes
                         : has_body            ? "POST"
                                               : "GET",
                         given[URL].text->bytes);
    if (present >> HEADERS & 1)
        http_request_add_pairs(request, given[HEADERS].texts);
    if (has_body)
        set_body(request, given, has_json);
    http_request_add_traceparent(request, &record->id, record->labels);
    set_limits(request, given, present);
    return request;
}

static struct action http_start(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    uint32_t present = frame_node(task, frame)->present;
    char header[HTTP_NAME_SHOWN];
    int field;
    ((struct operation_frame *)frame)->operation = NULL;
    const char *wrong = find_wrong(given, present, 0, &field, header);
    if (wrong)
        return action_raise(wrong_argument(task, frame, field, header, wrong));
    struct http_request *request = make_request(task->job->record, given, present);
    return operation_begin(task, frame, &request->operation);
}

const struct op op_http = {
    .shape = {.name = "http",
              .fields = fields,
              .n_fields = sizeof fields / sizeof *fields,
              .frame_size = sizeof(struct operation_frame),
              .has_effects = true},
    .start = http_start,
    .cancelled = operation_cancelled,
    .replayed = operation_replayed,
    .check = http_check,
    .release = operation_release,
};
