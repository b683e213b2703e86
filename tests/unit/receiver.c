#include "tests/unit/receiver.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "tests/suites.h"

struct request {
    size_t size;
    char body[64];
};

static void note(struct receiver *r, struct MHD_Connection *connection, const char *method,
                 const char *path, const struct request *request)
{
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    const char *agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "User-Agent");
    unsigned number = (unsigned)atoi(request->body);
    snprintf(r->line, sizeof r->line, "%s %s", method, path);
    snprintf(r->type, sizeof r->type, "%s", type ? type : "");
    snprintf(r->agent, sizeof r->agent, "%s", agent ? agent : "");
    snprintf(r->body, sizeof r->body, "%s", request->body);
    if (number < RECEIVER_NUMBERS)
        r->numbers[number]++;
    r->n_requests++;
}

static enum MHD_Result answer(struct receiver *r, struct MHD_Connection *connection,
                              const char *path)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    unsigned status = (unsigned)atoi(path + 1);
    if (status == 307 || status == 302)
        MHD_add_response_header(response, "Location", "/204");
    if (status == 308)
        MHD_add_response_header(response, "Location", "file:///etc/hostname");
    if (r->n_failures > 0) {
        r->n_failures--;
        status = 500;
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    struct receiver *r = context;
    struct request *request = *state;
    (void)version;
    if (!request) {
        *state = memory_new_zeroed(1, sizeof *request);
        return MHD_YES;
    }
    if (*size > 0) {
        size_t room = sizeof request->body - 1 - request->size;
        size_t n = *size < room ? *size : room;
        memcpy(request->body + request->size, data, n);
        request->size += n;
        *size = 0;
        return MHD_YES;
    }
    pthread_mutex_lock(&r->lock);
    note(r, connection, method, path, request);
    enum MHD_Result result = answer(r, connection, path);
    pthread_mutex_unlock(&r->lock);
    return result;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    (void)context, (void)connection, (void)code;
    free(*state);
}

static struct sockaddr_in any_port(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

void receiver_start(struct receiver *r)
{
    struct sockaddr_in address = any_port();
    *r = (struct receiver){0};
    pthread_mutex_init(&r->lock, NULL);
    r->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, r,
                                 MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED,
                                 completed, NULL, MHD_OPTION_END);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->daemon);
    r->port = MHD_get_daemon_info(r->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void receiver_stop(struct receiver *r)
{
    MHD_stop_daemon(r->daemon);
    pthread_mutex_destroy(&r->lock);
}

int deaf_socket(int backlog, unsigned *port)
{
    struct sockaddr_in address = any_port();
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, size), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    if (backlog > 0)
        CU_ASSERT_EQUAL_FATAL(listen(fd, backlog), 0);
    *port = ntohs(address.sin_port);
    return fd;
}
