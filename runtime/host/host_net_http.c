/* Requests on the network thread: one easy handle for each hop, as redirects are followed here. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/host/host_net_internal.h"
#include "runtime/host/host_url.h"
#include "runtime/http_request.h"
#include "schema/utf8.h"

struct fetch {
    struct transfer transfer; /* first */
    struct http_request *request;
    struct curl_slist *headers; /* of this hop */
    struct buffer body;         /* of the response */
    char *url, *public_url;     /* of this hop */
    const char *method;
    unsigned n_redirects;
    bool has_body;     /* sends the request's body, and what says of which kind it is */
    bool has_left;     /* another scheme, host or port than the job named: keeps secrets */
    bool is_too_large; /* the response's body */
    bool has_no_room;  /* the bodies of all responses are too large */
    size_t n_head_lines, head_size; /* of this hop, interim responses and trailers included */
};

/* libcurl has no limit for what comes before and after the response proper, and is slow with many
 * headers: it compares each with all. */
#define HEAD_LINES_MAX 500
#define HEAD_BYTES_MAX (256 << 10)

static struct fetch *fetch_of(struct transfer *transfer)
{
    return (struct fetch *)transfer;
}

static void free_hop(struct fetch *fetch)
{
    curl_slist_free_all(fetch->headers);
    free(fetch->url);
    free(fetch->public_url);
    fetch->headers = NULL;
    fetch->url = fetch->public_url = NULL;
}

static void drop_body(struct fetch *fetch)
{
    fetch->transfer.net->bodies -= fetch->body.size;
    buffer_release(&fetch->body);
}

static void free_fetch(struct transfer *transfer)
{
    struct fetch *fetch = fetch_of(transfer);
    free_hop(fetch);
    drop_body(fetch);
    free(fetch);
}

static void set_url(struct fetch *fetch, char *url)
{
    free_hop(fetch);
    fetch->url = url;
    fetch->public_url = url_public(url);
    if (!fetch->public_url || !utf8_is_valid(fetch->public_url, strlen(fetch->public_url))) {
        free(fetch->public_url);
        fetch->public_url = memory_text("a URL that cannot be read");
    }
}

/* ---- one hop ---- */

static bool begins(const char *line, const char *name)
{
    size_t size = strlen(name);
    return strncasecmp(line, name, size) == 0 && (line[size] == ':' || line[size] == '-');
}

/* Secrets have many names (X-Api-Key, PRIVATE-TOKEN …): to others goes only what is none. */
static bool is_for_all(const char *line)
{
    static const char *const names[] = {"Accept", "Cache-Control", "Content",     "If",
                                        "Range",  "User-Agent",    "traceparent", "tracestate"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (begins(line, names[i]))
            return true;
    return false;
}

/* What is said of a body goes with it. */
static bool is_sent(const struct fetch *fetch, const char *line)
{
    if (!fetch->has_body && begins(line, "Content"))
        return false;
    return !fetch->has_left || is_for_all(line);
}

static void add_header(struct fetch *fetch, const char *line)
{
    fetch->headers = memory_need(curl_slist_append(fetch->headers, line));
}

/* libcurl takes "Name:" as a header that is not to be sent, and "Name;" as one without a value.
 * "Expect:" says not to ask first whether a big body is welcome, which only costs time. Nor is what
 * is not there a form. */
static void add_headers(struct fetch *fetch)
{
    char **line = fetch->request->headers;
    add_header(fetch, "Expect:");
    if (!fetch->has_body)
        add_header(fetch, "Content-Type:");
    for (; *line; line++) {
        char *colon = strchr(*line, ':');
        if (!is_sent(fetch, *line))
            continue;
        if (colon[strspn(colon, ": \t")])
            add_header(fetch, *line);
        else {
            char *copy = memory_text(*line);
            strcpy(copy + (colon - *line), ";");
            add_header(fetch, copy);
            free(copy);
        }
    }
}

static size_t take_body(char *bytes, size_t size, size_t n, void *context)
{
    struct fetch *fetch = context;
    struct net *net = fetch->transfer.net;
    fetch->is_too_large = size * n > fetch->request->max_body - fetch->body.size;
    fetch->has_no_room = size * n > net->max_bodies - net->bodies;
    if (fetch->is_too_large || fetch->has_no_room)
        return 0;
    buffer_add(&fetch->body, bytes, size * n);
    memory_need(fetch->body.bytes);
    net->bodies += size * n;
    return size * n;
}

static bool has_too_much_head(const struct fetch *fetch)
{
    return fetch->n_head_lines > HEAD_LINES_MAX || fetch->head_size > HEAD_BYTES_MAX;
}

/* A line of the head. */
static size_t take_head(char *bytes, size_t size, size_t n, void *context)
{
    struct fetch *fetch = context;
    (void)bytes;
    fetch->n_head_lines++;
    fetch->head_size += size * n;
    return has_too_much_head(fetch) ? 0 : size * n;
}

#define SET(option, value) (curl_easy_setopt(easy, CURLOPT_##option, value) == CURLE_OK)

/* POST stands for any request with a body, or one that says that it has none. */
static bool set_method(const struct fetch *fetch, CURL *easy)
{
    const char *method = fetch->method;
    bool expects_body =
        strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
    if (strcmp(method, "HEAD") == 0)
        return SET(NOBODY, 1L);
    if (!fetch->has_body && !expects_body)
        return SET(CUSTOMREQUEST, method);
    return SET(POST, 1L) && SET(POSTFIELDS, fetch->has_body ? fetch->request->body : "") &&
           SET(POSTFIELDSIZE_LARGE,
               (curl_off_t)(fetch->has_body ? fetch->request->body_size : 0)) &&
           SET(CUSTOMREQUEST, method);
}

/* RFC 9110, section 9.2.2 */
static bool is_idempotent(const char *method)
{
    static const char *const known[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(method, known[i]) == 0)
            return true;
    return false;
}

static bool set_up(struct fetch *fetch, CURL *easy)
{
    return SET(HTTPHEADER, fetch->headers) && SET(WRITEFUNCTION, take_body) &&
           SET(WRITEDATA, fetch) && SET(HEADERFUNCTION, take_head) && SET(HEADERDATA, fetch) &&
           SET(ACCEPT_ENCODING, "") && SET(UPLOAD_BUFFERSIZE, 16384L) &&
           SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) && set_method(fetch, easy);
}

/* Whether the host of a URL that libcurl takes is a name. */
static bool is_named(const char *url)
{
    char *host = NULL;
    struct net_address address;
    CURLU *parts = curl_url();
    bool is_address = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                      curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                      (host[0] == '[' || net_address_parse(host, &address));
    curl_free(host);
    curl_url_cleanup(parts);
    return !is_address;
}

/* [the URL is set] */
static void start_hop(struct fetch *fetch)
{
    drop_body(fetch);
    buffer_text(&fetch->body, "");
    fetch->n_head_lines = fetch->head_size = 0;
    transfer_run(&fetch->transfer, is_named(fetch->url));
}

static void start(struct transfer *transfer)
{
    struct fetch *fetch = fetch_of(transfer);
    add_headers(fetch);
    transfer->sends_once = !is_idempotent(fetch->method);
    CURL *easy = memory_need(transfer_make_easy(transfer, fetch->url));
    if (!set_up(fetch, easy))
        memory_need(NULL);
    transfer_perform(transfer, easy);
}

/* ---- its end ---- */

static void raise_about(struct fetch *fetch, const char *type, const char *what)
{
    struct buffer message = {0};
    buffer_format(&message, "%s: %s", what, fetch->public_url);
    char *text = memory_need(buffer_take(&message));
    transfer_raise(&fetch->transfer, type, text, NULL);
    free(text);
}

/* libcurl leaves the end of the line to a header without a value. */
static struct http_header header_of(struct curl_header *header)
{
    size_t size = strlen(header->value);
    while (size > 0 && strchr(" \t\r\n", header->value[size - 1]))
        header->value[--size] = '\0';
    return (struct http_header){header->name, header->value};
}

static void answer(struct fetch *fetch, long status)
{
    CURL *easy = fetch->transfer.easy;
    size_t n = 0;
    struct http_header *headers = memory_new_zeroed(HEAD_LINES_MAX, sizeof *headers);
    struct curl_header *header = NULL;
    while (n < HEAD_LINES_MAX && (header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header)))
        headers[n++] = header_of(header);
    const struct http_response response = {.status = status,
                                           .url = fetch->public_url,
                                           .headers = headers,
                                           .n_headers = n,
                                           .body = fetch->body.bytes,
                                           .body_size = fetch->body.size};
    http_answer(fetch->request, &response, &fetch->transfer.operation->answer);
    free(headers);
    transfer_answer(&fetch->transfer);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where it is to go on, from malloc; NULL: this is the answer. */
static char *redirect_of(struct fetch *fetch, long status)
{
    char *to = NULL;
    if (!fetch->request->follows_redirects || !is_redirect(status) ||
        curl_easy_getinfo(fetch->transfer.easy, CURLINFO_REDIRECT_URL, &to) != CURLE_OK || !to)
        return NULL;
    return memory_text(to);
}

/* RFC 9110, section 15.4: 303 says where to look, and what everybody does with a POST otherwise. */
static void change_method(struct fetch *fetch, long status)
{
    bool is_post = strcmp(fetch->method, "POST") == 0;
    bool is_head = strcmp(fetch->method, "HEAD") == 0;
    if ((status == 303 && !is_head) || (is_post && (status == 301 || status == 302))) {
        fetch->method = "GET";
        fetch->has_body = false;
    }
}

/* Takes the URL. */
static void follow(struct fetch *fetch, long status, char *to)
{
    if (fetch->n_redirects++ == fetch->request->max_redirects) {
        free(to);
        raise_about(fetch, "TooManyRedirects", "too many redirects, the last one from");
        return;
    }
    if (!url_is_http(to)) {
        free(to);
        raise_about(fetch, "HTTPProtocolError", "redirected to what is no http or https URL, by");
        return;
    }
    fetch->has_left |= !url_has_same_origin(fetch->url, to);
    change_method(fetch, status);
    transfer_rest(&fetch->transfer);
    set_url(fetch, to);
    start_hop(fetch);
}

static void raise_too_large(struct fetch *fetch)
{
    char what[100];
    snprintf(what, sizeof what, "the body is larger than max_body, %zu bytes",
             fetch->request->max_body);
    raise_about(fetch, "BodyTooLarge", what);
}

/* A response that is an error is one, also when all of its body is too much. */
static void finished(struct transfer *transfer, CURLcode result)
{
    struct fetch *fetch = fetch_of(transfer);
    char *to;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    bool is_error = fetch->request->raises_for_status && status >= 400;
    if (result == CURLE_WRITE_ERROR && fetch->is_too_large && !is_error)
        raise_too_large(fetch);
    else if (result == CURLE_WRITE_ERROR && fetch->has_no_room)
        raise_about(fetch, "MemoryError", "no room for one more response's body");
    else if (result == CURLE_WRITE_ERROR && has_too_much_head(fetch))
        raise_about(fetch, "HTTPProtocolError", "the response's headers are too many");
    else if (result == CURLE_ABORTED_BY_CALLBACK)
        raise_about(fetch, "ConnectionAbortedError",
                    "the connection was closed without an answer, and this method is not sent "
                    "twice");
    else if (result != CURLE_OK && !(fetch->is_too_large && is_error))
        transfer_raise_curl(transfer, result, fetch->public_url);
    else if ((to = redirect_of(fetch, status)))
        follow(fetch, status, to);
    else
        answer(fetch, status);
}

static void timed_out(struct transfer *transfer)
{
    struct fetch *fetch = fetch_of(transfer);
    char what[100];
    snprintf(what, sizeof what, "no answer within %.15g seconds", fetch->request->timeout);
    raise_about(fetch, "TimeoutError", what);
}

/* ---- its beginning ---- */

static const struct transfer_kind kind = {
    .start = start, .finished = finished, .timed_out = timed_out, .free = free_fetch};

void net_begin_fetch(struct net *net, struct operation *operation)
{
    struct fetch *fetch = memory_new_zeroed(1, sizeof *fetch);
    fetch->request = (struct http_request *)operation;
    fetch->method = fetch->request->method;
    fetch->has_body = fetch->request->body != NULL;
    transfer_add(&fetch->transfer, net, operation, &kind);
    transfer_set_deadline(&fetch->transfer, fetch->request->timeout);
    set_url(fetch, memory_text(fetch->request->url));
    start_hop(fetch);
}
