#include "server/request.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/bug.h"
#include "server/hangup.h"
#include "server/idempotency.h"
#include "server/reply.h"
#include "server/routes.h"

#define LARGE_BODY (1 << 20)

struct request *request_new(struct lane *lane, struct MHD_Connection *connection,
                            const char *target)
{
    struct request *request = calloc(1, sizeof(*request));
    if (!request || !(request->target = strdup(target))) {
        free(request);
        return NULL;
    }
    request->lane = lane;
    request->server = lane->server;
    request->connection = connection;
    request->path = request->target;
    atomic_fetch_add(&lane->server->n_requests, 1);
    return request;
}

void request_free(struct request *request)
{
    struct server *server = request->server;
    if (request->phase == PHASE_PARKED) /* woken, and then the client was found to have left */
        request_unpark(request);
    if (request->response && request->response != server->no_memory)
        MHD_destroy_response(request->response);
    task_record_unref(request->record);
    task_record_unref(request->ended);
    if (request->plan)
        plan_unref(request->plan);
    buffer_release(&request->trace);
    buffer_release(&request->tasks);
    buffer_release(&request->futures);
    free(request->listed);
    idempotency_free(request->idempotency);
    if (route_stream(request->route))
        free(request->process.bytes);
    group_record_release(&request->group_record);
    free(request->text);
    free(request->name);
    free(request->body);
    free(request->target);
    if (request->body_size > LARGE_BODY)
        malloc_trim(0); /* its JSON tree took many times its size, and nobody needs that again */
    free(request);
    atomic_fetch_sub(&server->n_requests, 1);
}

/* ---- the body ---- */

/* A body of known length gets its room at once, if it is not large; otherwise it doubles. */
static bool make_room(struct request *request, size_t size)
{
    if (size <= request->body_capacity)
        return true;
    const char *length = request->headers.content_length;
    size_t announced = length ? strtoull(length, NULL, 10) : 0;
    size_t capacity = request->body_capacity ? request->body_capacity * 2 : 4096;
    if (announced > 0 && announced < 1 << 20)
        capacity = announced;
    if (capacity < size)
        capacity = size;
    char *body = realloc(request->body, capacity);
    if (!body)
        return false;
    request->body = body;
    request->body_capacity = capacity;
    return true;
}

bool request_take_body(struct request *request, const char *bytes, size_t size)
{
    size_t total = request->body_size + size;
    if (total > request->server->config->max_body)
        return false;
    peer_moved(request->peer, PEER_BODY_S, total);
    if (!request->response && !make_room(request, total)) {
        free(request->body);
        request->body = NULL;
        request->body_capacity = 0;
        reply_code(request, ERROR_NO_MEMORY);
    } else if (!request->response)
        memcpy(request->body + request->body_size, bytes, size);
    request->body_size = total;
    return true;
}

/* ---- parking ---- */

void request_park(struct request *request, void (*next)(struct request *request))
{
    request->next = next;
    request->phase = PHASE_PARKED;
    atomic_fetch_add(&request->server->n_parked, 1);
    MHD_suspend_connection(request->connection);
}

void request_watch(struct request *request, const struct id *id, uint64_t *ticket)
{
    *ticket = request->ticket = atomic_fetch_add(&request->server->last_ticket, 1) + 1;
    peer_wait_begin(request->peer, id, *ticket);
}

void request_unpark(struct request *request)
{
    request->phase = PHASE_WORK;
    if (request->ticket != 0)
        peer_wait_end(request->peer);
    request->ticket = 0;
    atomic_fetch_sub(&request->server->n_parked, 1);
}

void request_wake(struct request *request)
{
    lane_wake(request->lane, &request->woken);
}

bool request_keep_text(struct request *request, const char *text)
{
    request->text = text ? strdup(text) : NULL;
    if (text && !request->text)
        reply_code(request, ERROR_NO_MEMORY);
    return !text == !request->text;
}

void request_stored(struct store_request *store, int status)
{
    struct request *request = CONTAINER_OF(store, struct request, store);
    request->outcome = status;
    request_wake(request);
}

bool server_may_ask(struct server *server)
{
    atomic_fetch_add(&server->n_asking, 1);
    if (!server->is_draining)
        return true;
    server_asked(server);
    return false;
}

void server_asked(struct server *server)
{
    atomic_fetch_sub(&server->n_asking, 1);
}

void server_refuse(struct server *server)
{
    const struct timespec while_asking = {.tv_nsec = 100000};
    server->is_draining = true;
    while (server->n_asking > 0)
        nanosleep(&while_asking, NULL);
}

int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}
