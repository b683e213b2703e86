#include "server/http.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "runtime/base/bug.h"
#include "runtime/base/log.h"
#include "server/gate.h"
#include "server/hangup.h"
#include "server/reply.h"
#include "server/routes.h"

/* Descriptors that are not for connections: the database, the runtime's, and those of processes. */
#define RESERVED_FDS(limit) (64 + (limit) / 16)
/* Of each connection; its head has to fit in. All of it is touched once the first answer was given.
 */
#define CONNECTION_BYTES ((size_t)16384)
#define STOP_WAIT_MS 1000
#define SMALL_BODY 65536

struct http {
    struct server *server;
    struct listener *listener;
    struct lane lane;
};

/* ---- connections and requests come and go ---- */

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct lane *lane = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *socket_context = peer_new(
            lane->server->hangup,
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    else if (*socket_context)
        peer_free(*socket_context);
}

/* The request line is there. The target is taken as it came: libmicrohttpd's own decoding cuts it
 * at a NUL. NULL, also for want of memory, has the connection closed. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct lane *lane = context;
    struct peer *peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct request *request = peer ? request_new(lane, connection, target) : NULL;
    if (request)
        request->peer = peer;
    return request;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    struct request *request = *request_context;
    (void)context;
    if (!request)
        return;
    if (route_stream(request->route) && code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)PEER_IDLE_S);
    peer_begin(request->peer, PEER_IDLE_S + PEER_HEAD_S);
    request_free(request);
    *request_context = NULL;
}

/* ---- one request ---- */

static enum MHD_Result answer(struct request *request, bool body_is_unread)
{
    request->phase = PHASE_ANSWER;
    request->peer->must_linger = request->must_close && body_is_unread;
    peer_begin(request->peer, PEER_ANSWER_S);
    peer_moved(request->peer, PEER_ANSWER_S, request->answer_size);
    return MHD_queue_response(request->connection, request->status, request->response);
}

/* What cannot go on in the middle of a body. libmicrohttpd takes no answer before its end, which
 * may never come: so it is written by hand, and the connection ends. Nothing else was written for
 * this request, but perhaps a "100 Continue". */
static enum MHD_Result cut_off(struct request *request, unsigned status, const char *detail)
{
    struct buffer body = {0}, answer = {0};
    reply_write_problem(&body, status, detail);
    buffer_format(&answer,
                  "HTTP/1.1 %u %s\r\nConnection: close\r\n"
                  "Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
                  "X-Content-Type-Options: nosniff\r\nContent-Length: %zu\r\n\r\n",
                  status, reply_title(status), body.size);
    buffer_add(&answer, body.bytes, body.size);
    request->peer->must_linger = true;
    if (body.failed || answer.failed ||
        send(request->peer->fd, answer.bytes, answer.size, MSG_DONTWAIT | MSG_NOSIGNAL) <
            (ssize_t)answer.size)
        log_line(LOG_DEBUG, "a client did not take its %u", status);
    buffer_release(&body);
    buffer_release(&answer);
    return MHD_NO;
}

/* A body that is kept until all of it is there, or dropped since it is refused already. */
static enum MHD_Result keep(struct request *request, const char *bytes, size_t *size)
{
    char detail[120];
    bool goes_on = request_take_body(request, bytes, *size);
    *size = 0;
    if (goes_on)
        return MHD_YES;
    snprintf(detail, sizeof(detail),
             "the body has more than %zu bytes, which is the most that is taken (--max-body)",
             request->server->config->max_body);
    return cut_off(request, 413, detail);
}

/* A body whose end is near is read to its end, and the connection lives on. */
static bool is_small(const struct request *request)
{
    const char *length = request->headers.content_length;
    return length && strtoull(length, NULL, 10) <= SMALL_BODY;
}

/* A body that is used as it comes. */
static enum MHD_Result take(struct request *request, const char *bytes, size_t *size)
{
    char detail[400];
    unsigned refusal = route_stream(request->route)->take(request, bytes, size, detail);
    if (!refusal)
        return MHD_YES;
    if (!is_small(request))
        return cut_off(request, refusal, detail);
    reply_problem(request, refusal, "%s", detail);
    peer_begin(request->peer, PEER_BODY_S);
    *size = 0;
    return MHD_YES;
}

static bool is_streamed(const struct request *request)
{
    return !request->response && route_stream(request->route);
}

/* How long the body then takes is up to the client and whoever gets it. */
static void open_stream(struct request *request)
{
    bool must_close = request->must_close;
    request->must_close |= request->has_body; /* if it is refused */
    route_stream(request->route)->open(request);
    if (request->response)
        return;
    request->must_close = must_close;
    peer_begin(request->peer, 0);
    MHD_set_connection_option(request->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)WAIT_MAX_S);
}

/* What cannot go on is answered now; else the body is read first, also where it is not wanted: who
 * is answered before he has sent all has to have his connection closed. */
static enum MHD_Result begin(struct request *request, const char *method, const char *version)
{
    request->method = method_parse(method);
    peer_begin(request->peer, PEER_BODY_S);
    if (gate_check(request, version) && route_stream(request->route))
        open_stream(request);
    if (request->response && request->must_close)
        return answer(request, request->has_body);
    request->phase = PHASE_BODY;
    return MHD_YES;
}

static enum MHD_Result run(struct request *request, void (*handle)(struct request *request))
{
    request->phase = PHASE_WORK;
    peer_begin(request->peer, 0);
    handle(request);
    BUG_ON((request->phase == PHASE_PARKED) == (request->response != NULL));
    return request->phase == PHASE_PARKED ? MHD_YES : answer(request, false);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *size, void **request_context)
{
    struct request *request = *request_context;
    (void)context;
    (void)connection;
    (void)url;
    if (!request)
        return MHD_NO;
    if (request->phase == PHASE_HEAD)
        return begin(request, method, version);
    if (request->phase == PHASE_PARKED) {
        request_unpark(request);
        if (request->next)
            return run(request, request->next);
        request->phase = PHASE_BODY; /* which was parked in its middle */
    }
    BUG_ON(request->phase != PHASE_BODY);
    if (*size > 0)
        return is_streamed(request) ? take(request, bytes, size) : keep(request, bytes, size);
    return request->response ? answer(request, false) : run(request, request->route->handle);
}

/* ---- start and stop ---- */

static void on_message(void *context, const char *format, va_list arguments)
{
    char text[512];
    (void)context;
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_line(LOG_DEBUG, "libmicrohttpd: %s", text);
}

static void on_panic(void *context, const char *file, unsigned line, const char *reason)
{
    (void)context;
    log_line(LOG_ERROR, "libmicrohttpd gave up at %s:%u: %.*s", file, line,
             reason ? (int)strcspn(reason, "\n") : 0, reason);
    abort();
}

/* As many connections as there are descriptors for, and some to spare. */
static unsigned connection_limit(void)
{
    struct rlimit limit = {1024, 1024};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    rlim_t fds = limit.rlim_cur < 1 << 20 ? limit.rlim_cur : 1 << 20;
    return fds > 2 * RESERVED_FDS(fds) ? (unsigned)(fds - RESERVED_FDS(fds)) : (unsigned)fds / 2;
}

static struct MHD_Daemon *start_daemon(struct lane *lane, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
        lane, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit(), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)PEER_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, lane,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, lane, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        lane, MHD_OPTION_END);
}

/* The answer for when there is no memory for one. */
static struct MHD_Response *make_no_memory(void)
{
    static const char text[] =
        "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
        "\"detail\":\"the server is short of memory; please try again\"}\n";
    struct MHD_Response *response = MHD_create_response_from_buffer(
        sizeof(text) - 1, (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    reply_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/problem+json");
    reply_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    reply_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return response;
}

/* All but the lane's bell. */
static void http_end(struct http *http)
{
    struct server *server = http->server;
    if (http->lane.daemon)
        MHD_stop_daemon(http->lane.daemon);
    if (http->lane.reader)
        store_reader_close(http->lane.reader);
    if (server->hangup)
        hangup_stop(server->hangup);
    claims_release(&server->claims);
    if (server->no_memory)
        MHD_destroy_response(server->no_memory);
}

/* A first look, for nothing: a database that cannot be read is found out before the first request,
 * and what reading opens is open. */
static int open_reader(struct lane *lane, struct error *e)
{
    const struct id nobody = {{0}};
    struct task_record *none = NULL;
    int status = store_reader_open(&lane->reader, lane->server->store, e);
    if (status == 0)
        status = store_get(lane->reader, &nobody, 0, &none, e);
    task_record_unref(none);
    return status == -ERROR_NOT_FOUND ? 0 : status;
}

/* What an operator should know who opens the server to others. */
static void warn_if_open(const struct listener *listener)
{
    if (listener->is_local)
        return;
    log_line(
        LOG_WARNING,
        "%s is open to other machines, and no token is asked for: whoever reaches it can submit "
        "jobs",
        listener->address);
    int major = 0, minor = 0, patch = 0;
    sscanf(MHD_get_version(), "%d.%d.%d", &major, &minor, &patch);
    if (major == 0 && minor * 100 + patch < 977)
        log_line(LOG_WARNING,
                 "libmicrohttpd %s glues folded header lines together: behind a proxy, have that "
                 "refuse them",
                 MHD_get_version());
}

int http_start(struct http **out, struct server *server, struct listener *listener, struct error *e)
{
    struct http *http = calloc(1, sizeof(*http));
    if (!http)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    http->server = server;
    http->listener = listener;
    http->lane.server = server;
    claims_init(&server->claims);
    server->checks_host = listener->path == NULL;
    MHD_set_panic_func(on_panic, NULL);
    int status = hangup_start(&server->hangup, server->runtime, e);
    if (status == 0)
        status = open_reader(&http->lane, e);
    if (status == 0 && !(server->no_memory = make_no_memory()))
        status = error_set(e, ERROR_NO_MEMORY, "out of memory");
    if (status == 0 && !(http->lane.daemon = start_daemon(&http->lane, listener->fd)))
        status = error_set(e, ERROR_SYSTEM, "cannot start the HTTP server");
    if (status == 0)
        status = lane_start(&http->lane, e);
    if (status == 0) {
        warn_if_open(listener);
        *out = http;
        return 0;
    }
    http_end(http);
    free(http);
    return status;
}

/* Until it is zero, or the time is over. */
static bool wait_for_zero(atomic_uint *n)
{
    const struct timespec a_little = {.tv_nsec = 5000000};
    for (int ms = 0; *n > 0 && ms < STOP_WAIT_MS; ms += 5)
        nanosleep(&a_little, NULL);
    return *n == 0;
}

bool http_stop(struct http *http)
{
    struct server *server = http->server;
    lane_quiesce(&http->lane);
    wait_for_zero(&server->n_requests);
    lane_stop(&http->lane);
    listener_close(http->listener);
    if (server->n_parked > 0) {
        log_line(LOG_ERROR, "%u requests are still parked", server->n_parked);
        return false;
    }
    http_end(http);
    return true;
}

void http_free(struct http *http)
{
    lane_release(&http->lane);
    free(http);
}
