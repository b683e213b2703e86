/* A response in the words of jobs. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/http_request.h"
#include "schema/base64.h"
#include "schema/json.h"
#include "schema/utf8.h"

#define HEAD_BYTES 4096 /* of the body, in an error's details */

const char *http_status_words(long status)
{
    static const struct {
        long status;
        const char *words;
    } known[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
        {508, "Loop Detected"},
        {511, "Network Authentication Required"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].words;
    return NULL;
}

/* ---- headers ---- */

/* As UTF-8; what is none is taken as ISO-8859-1, as it was until RFC 7230. */
static void write_string(struct buffer *b, const char *text, bool in_lower_case)
{
    struct buffer utf8 = {0};
    bool is_utf8 = utf8_is_valid(text, strlen(text));
    buffer_text(&utf8, "");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (!is_utf8 && c >= 0x80) {
            buffer_char(&utf8, (char)(0xc0 | c >> 6));
            buffer_char(&utf8, (char)(0x80 | (c & 0x3f)));
        } else
            buffer_char(&utf8, (char)(in_lower_case && c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    memory_need(utf8.bytes);
    buffer_json_string(b, utf8.bytes, utf8.size);
    buffer_release(&utf8);
}

static bool is_first(const struct http_response *response, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcasecmp(response->headers[j].name, response->headers[i].name) == 0)
            return false;
    return true;
}

/* All that have the name of the one at i. */
static void write_values(struct buffer *b, const struct http_response *response, size_t i)
{
    const char *name = response->headers[i].name;
    bool is_list = strcasecmp(name, "set-cookie") == 0; /* these may have commas of their own */
    struct buffer joined = {0};
    buffer_text(&joined, "");
    for (size_t j = i, n = 0; j < response->n_headers; j++) {
        const char *value = response->headers[j].value;
        if (strcasecmp(response->headers[j].name, name) != 0)
            continue;
        if (is_list) {
            buffer_char(b, n++ ? ',' : '[');
            write_string(b, value, false);
        } else
            buffer_format(&joined, "%s%s", n++ ? ", " : "", value);
    }
    if (is_list)
        buffer_char(b, ']');
    else
        write_string(b, memory_need(joined.bytes), false);
    buffer_release(&joined);
}

static void write_headers(struct buffer *b, const struct http_response *response)
{
    size_t n = 0;
    buffer_text(b, ",\"headers\":{");
    for (size_t i = 0; i < response->n_headers; i++) {
        if (!is_first(response, i))
            continue;
        buffer_text(b, n++ ? "," : "");
        write_string(b, response->headers[i].name, true);
        buffer_char(b, ':');
        write_values(b, response, i);
    }
    buffer_char(b, '}');
}

/* ---- bodies ---- */

/* application/json, or application/problem+json and the like. */
static bool is_json(const struct http_response *response)
{
    for (size_t i = 0; i < response->n_headers; i++) {
        const char *value = response->headers[i].value;
        size_t size = strcspn(value, "; \t,");
        if (strcasecmp(response->headers[i].name, "content-type") == 0)
            return (size == 16 && strncasecmp(value, "application/json", 16) == 0) ||
                   (size > 5 && strncasecmp(value + size - 5, "+json", 5) == 0);
    }
    return false;
}

/* What is no JSON, whatever the header says, has no `json`. */
static void write_json(struct buffer *b, const struct http_response *response)
{
    struct error e;
    json_t *json = is_json(response) ? json_read(response->body, response->body_size, &e) : NULL;
    if (!json)
        return;
    buffer_text(b, ",\"json\":");
    json_write(b, json);
    json_decref(json);
}

static void write_body(struct buffer *b, const char *body, size_t size)
{
    if (utf8_is_valid(body, size)) {
        buffer_text(b, ",\"body\":");
        buffer_json_string(b, body, size);
    } else {
        buffer_text(b, ",\"body_base64\":\"");
        buffer_base64(b, body, size);
        buffer_char(b, '"');
    }
}

/* ---- results and errors ---- */

static void write_head(struct buffer *b, const struct http_response *response)
{
    buffer_format(b, "{\"status\":%ld,\"url\":", response->status);
    write_string(b, response->url, false);
    write_headers(b, response);
}

static void answer_result(const struct http_response *response, struct answer *out)
{
    struct buffer b = {0};
    write_head(&b, response);
    write_body(&b, response->body, response->body_size);
    write_json(&b, response);
    buffer_char(&b, '}');
    out->size = b.size;
    out->text = memory_need(buffer_take(&b));
}

static char *make_details(const struct http_response *response)
{
    struct buffer b = {0};
    size_t size = response->body_size;
    if (size > HEAD_BYTES) /* the cut may go through a character */
        size = utf8_whole(response->body, HEAD_BYTES);
    write_head(&b, response);
    write_body(&b, response->body, size);
    if (size < response->body_size)
        buffer_format(&b, ",\"body_dropped\":%zu", response->body_size - size);
    else
        write_json(&b, response);
    buffer_char(&b, '}');
    return memory_need(buffer_take(&b));
}

static void answer_error(const struct http_response *response, struct answer *out)
{
    struct buffer message = {0};
    const char *words = http_status_words(response->status);
    buffer_format(&message, "%ld%s%s: %s", response->status, words ? " " : "", words ? words : "",
                  response->url);
    out->type = memory_text("HTTPStatusError");
    out->size = message.size;
    out->text = memory_need(buffer_take(&message));
    out->details = make_details(response);
}

void http_answer(const struct http_request *request, const struct http_response *response,
                 struct answer *out)
{
    if (request->raises_for_status && response->status >= 400)
        answer_error(response, out);
    else
        answer_result(response, out);
}
