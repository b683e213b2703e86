#include "server/gate.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "server/query.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/safe_mode.h"

/* ---- predicates ---- */

bool gate_is_token(const char *text, size_t size)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return size > 0 && strspn(text, token) == size;
}

/* The host without its port, brackets and final dot; false when there is no sense in it. */
static bool split_host(const char *host, char *name, size_t room)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    if (!end)
        return false;
    host += host[0] == '[';
    size_t size = (size_t)(end - host);
    end += *end == ']';
    if (*end != '\0' && (*end != ':' || strspn(end + 1, "0123456789") != strlen(end + 1)))
        return false;
    if (size > 1 && host[size - 1] == '.')
        size--;
    if (size == 0 || size >= room)
        return false;
    memcpy(name, host, size);
    name[size] = '\0';
    return true;
}

static bool is_loopback(const char *name)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (strcasecmp(name, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, name, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool gate_host_is_allowed(const char *host, const char *allowed)
{
    char name[256];
    bool makes_sense = split_host(host, name, sizeof(name));
    if (makes_sense && is_loopback(name))
        return true;
    while (*allowed) {
        allowed += strspn(allowed, ", ");
        size_t size = strcspn(allowed, ", ");
        if (size == 1 && *allowed == '*')
            return true;
        if (makes_sense && size > 0 && strlen(name) == size &&
            strncasecmp(allowed, name, size) == 0)
            return true;
        allowed += size;
    }
    return false;
}

bool gate_origin_is_own(const char *origin, const char *host)
{
    size_t scheme = strncasecmp(origin, "http://", 7) == 0    ? 7
                    : strncasecmp(origin, "https://", 8) == 0 ? 8
                                                              : 0;
    return scheme > 0 && host && strcasecmp(origin + scheme, host) == 0;
}

bool gate_type_is_json(const char *content_type)
{
    static const char *const types[] = {"application/json", "application/x-www-form-urlencoded"};
    size_t size = strcspn(content_type, "; \t");
    const char *rest = content_type + size + strspn(content_type + size, " \t");
    for (size_t i = 0; i < 2; i++)
        if (strlen(types[i]) == size && strncasecmp(content_type, types[i], size) == 0)
            return *rest == '\0' || *rest == ';';
    return false;
}

/* ---- reading the header ---- */

/* Fields of which there may be one. Where two readers choose differently, one is fooled. */
static const struct {
    const char *name;
    size_t offset;
} singles[] = {
    {"Content-Length", offsetof(struct headers, content_length)},
    {"Transfer-Encoding", offsetof(struct headers, transfer_encoding)},
    {"Host", offsetof(struct headers, host)},
    {"Content-Type", offsetof(struct headers, content_type)},
    {"Authorization", offsetof(struct headers, authorization)},
    {"Origin", offsetof(struct headers, origin)},
    {"Sec-Fetch-Site", offsetof(struct headers, sec_fetch_site)},
    {"Expect", offsetof(struct headers, expect)},
    {"If-None-Match", offsetof(struct headers, if_none_match)},
    {"Idempotency-Key", offsetof(struct headers, idempotency_key)},
    {"Traceparent", offsetof(struct headers, traceparent)},
};
#define N_SINGLES (sizeof(singles) / sizeof(singles[0]))

struct reading {
    struct request *request;
    const char *twice;
    bool bad_name;
};

static void take_prefer(struct request *request, const char *header)
{
    const char *value;
    size_t size;
    if (!request->headers.prefer_wait && prefer_find_wait(header, &value, &size)) {
        size_t kept = size < sizeof(request->prefer) ? size : 0; /* too long for any number */
        memcpy(request->prefer, value, kept);
        request->prefer[kept] = '\0';
        request->headers.prefer_wait = request->prefer;
    }
}

static enum MHD_Result read_field(void *context, enum MHD_ValueKind kind, const char *name,
                                  size_t name_size, const char *value, size_t value_size)
{
    struct reading *reading = context;
    (void)kind;
    (void)value_size;
    reading->bad_name |= !gate_is_token(name, name_size);
    value = value ? value : "";
    if (strcasecmp(name, "Prefer") == 0)
        take_prefer(reading->request, value);
    for (size_t i = 0; i < N_SINGLES; i++)
        if (strcasecmp(name, singles[i].name) == 0) {
            const char **place =
                (const char **)((char *)&reading->request->headers + singles[i].offset);
            if (*place)
                reading->twice = singles[i].name;
            else
                *place = value;
        }
    return MHD_YES;
}

/* ---- the checks, each true when the request may go on ---- */

static bool check_fields(struct request *request)
{
    struct reading reading = {.request = request};
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, read_field, &reading);
    if (reading.bad_name)
        reply_refusal(request, 400,
                      "a header field's name is not a token (RFC 9110, 5.6.2): no "
                      "blanks before the colon, no folded lines");
    else if (reading.twice)
        reply_refusal(request, 400, "the header field %s is given twice", reading.twice);
    return !request->response;
}

static bool takes_body(enum method method)
{
    return method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH;
}

static bool check_encoding(struct request *request, const char *version)
{
    const struct headers *h = &request->headers;
    if (!h->transfer_encoding)
        return true;
    if (h->content_length)
        reply_refusal(request, 400,
                      "Content-Length and Transfer-Encoding exclude each other (RFC 9112, 6.3)");
    else if (strcmp(version, "HTTP/1.1") != 0)
        reply_refusal(request, 400, "Transfer-Encoding needs HTTP/1.1");
    else if (strcasecmp(h->transfer_encoding, "chunked") != 0)
        reply_refusal(request, 400, "the only Transfer-Encoding that is taken is chunked");
    return !request->response;
}

static bool is_zero(const char *length)
{
    return strspn(length, "0") == strlen(length);
}

static bool check_length(struct request *request)
{
    const char *length = request->headers.content_length;
    size_t limit = request->server->config->max_body;
    if (length && strtoull(length, NULL, 10) > limit)
        reply_refusal(request, 413, "the body has %s bytes; at most %zu are taken (--max-body)",
                      length, limit);
    else if (request->has_body && !takes_body(request->method))
        reply_refusal(request, 400, "a body is for POST and PUT; this method takes none");
    return !request->response;
}

/* An absolute URL as the target names a host as well (RFC 9112, 3.2.2). */
static bool cut_authority(struct request *request, char authority[256])
{
    const char *target = request->path;
    authority[0] = '\0';
    if (strncasecmp(target, "http://", 7) != 0)
        return true;
    size_t size = strcspn(target + 7, "/?");
    if (size >= 256)
        return false;
    memcpy(authority, target + 7, size);
    authority[size] = '\0';
    request->path = target[7 + size] ? target + 7 + size : "/";
    return true;
}

static bool check_host(struct request *request)
{
    const char *host = request->headers.host, *allowed = request->server->config->allow_hosts;
    char authority[256];
    if (!cut_authority(request, authority))
        reply_problem(request, 400, "the host in the request's target is too long");
    else if (!request->server->checks_host)
        return true;
    else if (*authority && !gate_host_is_allowed(authority, allowed))
        reply_problem(request, 403,
                      "this server is not '%.100s': start it with --allow-host to let "
                      "it answer to that name",
                      authority);
    else if (!host)
        reply_problem(request, 403,
                      "the Host header is missing; it must be localhost, a loopback "
                      "address, or a name given with --allow-host");
    else if (!gate_host_is_allowed(host, allowed))
        reply_problem(request, 403,
                      "the Host header says '%.100s'; it must be localhost, a loopback "
                      "address, or a name given with --allow-host (* for any)",
                      host);
    return !request->response;
}

static bool check_origin(struct request *request)
{
    const struct headers *h = &request->headers;
    if (h->origin && !gate_origin_is_own(h->origin, h->host))
        reply_problem(request, 403,
                      "web pages of other servers may not use this one (Origin: %.100s)",
                      h->origin);
    else if (h->sec_fetch_site && strcasecmp(h->sec_fetch_site, "cross-site") == 0)
        reply_problem(
            request, 403,
            "web pages of other servers may not use this one (Sec-Fetch-Site: cross-site)");
    return !request->response;
}

static bool check_type(struct request *request)
{
    const char *type = request->headers.content_type;
    if (request->has_body && !type)
        reply_problem(request, 415,
                      "the body has no Content-Type; it must be application/json (or "
                      "application/x-www-form-urlencoded, as curl -d says)");
    else if (type && takes_body(request->method) && !gate_type_is_json(type))
        reply_problem(request, 415,
                      "the body must be application/json (or application/x-www-form-urlencoded, as "
                      "curl -d says); its Content-Type is '%.100s'",
                      type);
    return !request->response;
}

/* Without a length there is no body, or one that is hidden from us: what follows on the connection
 * must not be taken for a request. */
static bool check_body(struct request *request, bool is_hidden)
{
    if (is_hidden && request->route->body == BODY_REQUIRED)
        reply_refusal(request, 411,
                      "this needs a body, and Content-Length or Transfer-Encoding: "
                      "chunked to say where it ends");
    return !request->response && (request->route->body == BODY_STREAMED || check_type(request));
}

/* First whether the request's end can be known, then who asks, then what for. */
bool gate_check(struct request *request, const char *version)
{
    const struct headers *h = &request->headers;
    if (!check_fields(request) || !check_encoding(request, version))
        return false;
    request->has_body = h->transfer_encoding || (h->content_length && !is_zero(h->content_length));
    bool is_hidden = takes_body(request->method) && !h->transfer_encoding && !h->content_length;
    /* Who waits for "100 Continue" gets a refusal instead, and then sends no body. */
    request->must_close = is_hidden || h->expect;
    if (!check_length(request) || !check_host(request) || !check_origin(request) ||
        !routes_find(request) || !check_body(request, is_hidden) || !safe_mode_check(request))
        return false;
    request->must_close = is_hidden;
    return true;
}
