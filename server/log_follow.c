/* GET /v1/tasks/{id}/log?follow=1: the lines as NDJSON, as they get onto the disk, until the task
 * has ended. libmicrohttpd asks for more whenever the client has taken what there was; a page is
 * read from the store then, so that one who reads slowly costs no more than a page.
 *
 *   SENDING ──nothing more is stored──► PARKED (suspended; the runtime is asked)
 *      ▲  └──and it goes on no more──► (the answer ends)    │
 *      └────────────── there may be more ◄──────────────────┘
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "server/hangup.h"
#include "server/log.h"
#include "server/reply.h"

#define PAGE_LINES 1000
#define PAGE_LINES_FIRST 32
#define PAGE_BYTES 65536 /* a page ends with the line that goes beyond it */
#define BLOCK_BYTES 16384

struct following {
    struct follower follower; /* while parked it is the runtime's */
    struct request *request;
    struct buffer page;
    size_t sent;  /* of it */
    size_t n;     /* lines in it */
    size_t limit; /* of lines that are read for a page: about as many as go into one */
    bool goes_on; /* the task had not ended when the runtime was last asked */
};

static void add_line(void *context, const struct log_entry *entry)
{
    struct following *f = context;
    if (f->page.size >= PAGE_BYTES)
        return;
    log_entry_write(&f->page, entry);
    buffer_char(&f->page, '\n');
    f->n++;
    f->follower.after = entry->seq;
}

/* The next lines, if there are any. */
static bool read_page(struct following *f)
{
    struct request *request = f->request;
    struct error e;
    f->sent = f->page.size = f->n = 0;
    int status = store_read_log(request->lane->reader, &f->follower.id, f->follower.after, f->limit,
                                add_line, f, &e);
    if (f->page.size >= PAGE_BYTES)
        f->limit = f->n;
    else if (f->limit < PAGE_LINES)
        f->limit *= 2;
    peer_begin(request->peer, PEER_ANSWER_S);
    peer_moved(request->peer, PEER_ANSWER_S, f->page.size);
    return status == 0 && !f->page.failed;
}

static bool has_left(const struct peer *peer)
{
    struct pollfd fd = {.fd = peer->fd, .events = POLLRDHUP};
    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* [loop] */
static void followed(struct follower *follower, bool goes_on)
{
    struct following *f = CONTAINER_OF(follower, struct following, follower);
    f->goes_on = goes_on;
    request_wake(f->request);
}

/* Suspends the connection until there may be more; or, while the server drains, there will not. */
static bool park(struct following *f)
{
    struct request *request = f->request;
    if (!server_may_ask(request->server))
        return false;
    buffer_release(&f->page);
    f->sent = 0;
    peer_begin(request->peer, 0);
    request_watch(request, &f->follower.id, &f->follower.ticket);
    request_park(request, NULL);
    runtime_follow(request->server->runtime, &f->follower);
    server_asked(request->server);
    return true;
}

static ssize_t give(struct following *f, char *out, size_t room)
{
    size_t left = f->page.size - f->sent, n = left < room ? left : room;
    memcpy(out, f->page.bytes + f->sent, n);
    f->sent += n;
    return (ssize_t)n;
}

/* What libmicrohttpd asks for. 0 is for suspended connections only: else it asks again at once. */
static ssize_t read_more(void *context, uint64_t position, char *out, size_t room)
{
    struct following *f = context;
    struct request *request = f->request;
    (void)position;
    if (request->phase == PHASE_PARKED) {
        request_unpark(request);
        request->phase = PHASE_ANSWER;
    }
    for (;;) {
        if (f->sent < f->page.size)
            return give(f, out, room);
        bool went_on = f->goes_on;
        if (!read_page(f))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (f->page.size > 0)
            continue;
        if (!went_on)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (has_left(request->peer))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (park(f))
            return 0;
        f->goes_on = false;
    }
}

static void following_free(void *context)
{
    struct following *f = context;
    buffer_release(&f->page);
    free(f);
}

void log_follow(struct request *request, int64_t after)
{
    struct following *f = calloc(1, sizeof(*f));
    struct MHD_Response *response = NULL;
    if (f) {
        f->request = request;
        f->limit = PAGE_LINES_FIRST;
        f->goes_on = !task_state_is_final(request->record->state);
        f->follower = (struct follower){
            .id = request->id, .loop = request->record->loop, .after = after, .done = followed};
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_more, f,
                                                     following_free);
    }
    if (f && !response)
        free(f);
    reply_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-ndjson");
    reply_send(request, 200, response);
}
