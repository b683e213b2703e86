#include "runtime/http_request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"

/* ---- life ---- */

static void free_request(struct operation *operation)
{
    struct http_request *request = (struct http_request *)operation;
    for (size_t i = 0; i < request->n_headers; i++)
        free(request->headers[i]);
    free(request->headers);
    free(request->method);
    free(request->url);
    free(request->body);
    free(request);
}

static void show_request(const struct operation *operation, struct buffer *out)
{
    const struct http_request *request = (const struct http_request *)operation;
    buffer_format(out, "%s %s\n", request->method, request->url);
    for (size_t i = 0; i < request->n_headers; i++)
        buffer_format(out, "%s\n", request->headers[i]);
    if (request->body)
        buffer_add(out, request->body, request->body_size);
    buffer_format(out, "\n%.17g %zu %u %d %d", request->timeout, request->max_body,
                  request->max_redirects, request->follows_redirects, request->raises_for_status);
}

struct http_request *http_request_new(const char *method, const char *url)
{
    struct http_request *request = memory_new_zeroed(1, sizeof *request);
    request->url = memory_text(url);
    request->method = memory_text(method);
    for (char *c = request->method; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    request->operation.kind = OPERATION_FETCH;
    request->operation.free = free_request;
    request->operation.show = show_request;
    request->headers = memory_new_zeroed(1, sizeof *request->headers);
    return request;
}

/* ---- headers ---- */

/* Without printf, which takes longer than all else that a loop does for a request. */
void http_request_add(struct http_request *request, const char *name, const char *value)
{
    size_t name_size = strlen(name), value_size = strlen(value), n = ++request->n_headers;
    char *line = memory_new(name_size + value_size + 3);
    memcpy(line, name, name_size);
    memcpy(line + name_size, ": ", 2);
    memcpy(line + name_size + 2, value, value_size + 1);
    request->headers = memory_resize(request->headers, (n + 1) * sizeof *request->headers);
    request->headers[n - 1] = line;
    request->headers[n] = NULL;
}

static char *name_of(const char *pair)
{
    return memory_part(pair, strcspn(pair, "="));
}

void http_request_add_pairs(struct http_request *request, const char *const *pairs)
{
    for (; *pairs; pairs++) {
        char *name = name_of(*pairs);
        http_request_add(request, name, strchr(*pairs, '=') + 1);
        free(name);
    }
}

static bool has_header(const struct http_request *request, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < request->n_headers; i++)
        if (strncasecmp(request->headers[i], name, size) == 0 && request->headers[i][size] == ':')
            return true;
    return false;
}

void http_request_set_body(struct http_request *request, struct buffer *body, const char *type)
{
    request->body_size = body->size;
    request->body = memory_need(buffer_take(body));
    if (!has_header(request, "Content-Type"))
        http_request_add(request, "Content-Type", type);
}

static void write_hexadecimal(char *out, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
}

#define TRACEPARENT_SIZE 55

bool http_begins_traceparent(const char *text)
{
    static const char shape[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    for (size_t i = 0; i < TRACEPARENT_SIZE; i++)
        if (shape[i] == 'x' ? !text[i] || !strchr("0123456789abcdef", text[i]) : text[i] != '-')
            return false;
    return strncmp(text, "ff", 2) != 0 && strspn(text + 3, "0") < 32 && strspn(text + 36, "0") < 16;
}

void http_request_add_traceparent(struct http_request *request, const struct id *id,
                                  const char *labels)
{
    static const char label[] = "\"traceparent\":\"";
    char value[] = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
    const char *given =
        labels ? strstr(labels, label) : NULL; /* in a value the quotes are escaped */
    if (has_header(request, "traceparent"))
        return;
    write_hexadecimal(value + 3, id->bytes, 16);
    write_hexadecimal(value + 36, id->bytes + 8, 8);
    if (given && http_begins_traceparent(given + strlen(label)))
        memcpy(value, given + strlen(label), TRACEPARENT_SIZE);
    http_request_add(request, "traceparent", value);
}

/* ---- what may stand in them ---- */

static bool is_token(const char *text)
{
    size_t size = 0;
    for (; text[size]; size++)
        if (!isalnum((unsigned char)text[size]) && !strchr("!#$%&'*+-.^_`|~", text[size]))
            return false;
    return size > 0;
}

const char *http_check_method(const char *method)
{
    if (!is_token(method) || strlen(method) > 32)
        return "must be a method such as GET";
    if (strcasecmp(method, "CONNECT") == 0 || strcasecmp(method, "TRACE") == 0)
        return "must not be CONNECT or TRACE";
    return NULL;
}

/* A tab is the only control character that may stand in a value. */
static bool is_value(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}

/* These say how the message ends, or what is done with the connection: both are not the job's. */
static bool is_reserved(const char *name)
{
    static const char *const reserved[] = {
        "Connection", "Content-Length",   "Expect",  "Keep-Alive",        "TE",
        "Trailer",    "Proxy-Connection", "Upgrade", "Transfer-Encoding", "HTTP2-Settings"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcasecmp(name, reserved[i]) == 0)
            return true;
    return false;
}

const char *http_check_header(const char *name, const char *value)
{
    if (!is_token(name))
        return "must be the name of a header: letters, digits and !#$%&'*+-.^_`|~";
    if (is_reserved(name))
        return "must not be given: the connection is awaitd's";
    if (!is_value(value))
        return "must be a header's value, without line breaks and other control characters";
    return NULL;
}

/* In whatever case: with two Hosts, two readers see two requests. */
static bool is_given_before(const char *const *pairs, const char *const *pair, const char *name)
{
    size_t size = strlen(name);
    for (; pairs < pair; pairs++)
        if (strncasecmp(*pairs, name, size) == 0 && (*pairs)[size] == '=')
            return true;
    return false;
}

const char *http_check_headers(const char *const *pairs, char at[HTTP_NAME_SHOWN])
{
    const char *wrong = NULL;
    for (const char *const *pair = pairs; *pair && !wrong; pair++) {
        char *name = name_of(*pair);
        wrong = is_given_before(pairs, pair, name)
                    ? "must not be given twice"
                    : http_check_header(name, strchr(*pair, '=') + 1);
        snprintf(at, HTTP_NAME_SHOWN, "%s", name);
        free(name);
    }
    return wrong;
}
