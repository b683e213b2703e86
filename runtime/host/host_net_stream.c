/* Conversations on the network thread: names are resolved, addresses tried one after the other as
 * asyncio.open_connection does, each against the policy; then TLS, if asked for, and the talk
 * itself (runtime/stream.h).
 *
 *   FINDING ──► CONNECTING ──► SECURING ──► TALKING ──► (answered)
 *                └──► (the next address)
 *
 * libcurl has no part in it: what it connects (CURLOPT_CONNECT_ONLY) it keeps among its idle
 * connections, and closes when they are old or have something to say. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/host/host_net_call.h"
#include "runtime/host/host_net_channel.h"
#include "runtime/host/host_net_internal.h"
#include "runtime/host/host_net_resolve.h"
#include "runtime/stream.h"

#define PIECE 65536
#define PIECES_MAX 16 /* in one go: others have a turn then */

struct talk {
    struct transfer transfer; /* first */
    struct stream_request *request;
    enum { FINDING, CONNECTING, SECURING, TALKING } phase;
    struct lookup *lookup; /* FINDING a name */
    struct call call;
    struct watch *watch; /* of the channel's descriptor */
    struct channel channel;
    bool has_written_eof;
    size_t n_heard; /* bytes, which it holds as long as it lasts */
};

/* Lives until libuv has let it go, perhaps longer than the talk. */
struct watch {
    uv_poll_t poll;
    struct talk *talk;
};

/* ---- watching the descriptor ---- */

static void proceed(struct talk *talk);

static void polled(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct net *net = watch->talk->transfer.net;
    (void)status, (void)events; /* whatever is wrong, the next call says it */
    proceed(watch->talk);
    net_settle(net);
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

static void stop_watching(struct talk *talk)
{
    if (talk->watch)
        uv_close((uv_handle_t *)&talk->watch->poll, free_watch);
    talk->watch = NULL;
}

static void watch_for(struct talk *talk, int events)
{
    struct watch *watch = talk->watch;
    if (!watch) {
        watch = talk->watch = memory_new_zeroed(1, sizeof *watch);
        watch->talk = talk;
        watch->poll.data = watch;
        if (uv_poll_init_socket(&talk->transfer.net->uv, &watch->poll, talk->channel.fd) < 0)
            memory_need(NULL);
    }
    uv_poll_start(&watch->poll, events, polled);
}

static void hang_up(struct talk *talk)
{
    stop_watching(talk);
    channel_close(&talk->channel);
}

/* ---- the end ---- */

static void free_talk(struct transfer *transfer)
{
    struct talk *talk = (struct talk *)transfer;
    transfer->net->bodies -= talk->n_heard;
    if (talk->lookup)
        lookup_cancel(talk->lookup);
    hang_up(talk);
    call_release(&talk->call);
    free(talk);
}

/* Takes the failure's details. */
static void fail(struct talk *talk, struct channel_failure *failure)
{
    stream_fail(talk->request, failure->type, memory_need(failure->message.bytes),
                failure->details);
    failure->details = NULL;
}

/* The connection is closed before anybody hears of it. */
static void answer(struct talk *talk)
{
    if (!talk->request->operation.answer.type)
        channel_say_goodbye(&talk->channel);
    transfer_answer(&talk->transfer);
}

/* ---- connecting ---- */

static const char *name_of(const struct talk *talk)
{
    const struct stream_request *request = talk->request;
    return request->server_hostname ? request->server_hostname : request->host;
}

static void has_connected(struct talk *talk)
{
    struct net *net = talk->transfer.net;
    talk->phase = TALKING;
    if (!talk->request->is_tls) {
        stream_connected(talk->request);
        return;
    }
    if (name_of(talk)[0] == '.') { /* for OpenSSL, any host of that domain */
        stream_fail(talk->request, "ValueError",
                    "server_hostname cannot be an empty string or start with a leading dot.", NULL);
        return;
    }
    if (!net->trust)
        net->trust = memory_need(channel_trust(net->trusted));
    channel_secure(&talk->channel, net->trust, name_of(talk));
    talk->phase = SECURING;
}

/* An address is on the way, or there is none left. */
static void has_called(struct talk *talk, enum channel_result result)
{
    talk->phase = CONNECTING;
    if (result == CHANNEL_DONE)
        has_connected(talk);
    else if (result == CHANNEL_FAILED)
        fail(talk, &talk->call.failure);
}

/* The call was answered, or not, or it rings still. */
static void look_at_call(struct talk *talk)
{
    if (!call_has_failed(&talk->call, &talk->channel)) {
        has_called(talk, call_result(&talk->channel));
        return;
    }
    hang_up(talk);
    has_called(talk, call_next(&talk->call, &talk->channel, &talk->transfer.net->policy));
}

/* ---- talking ---- */

static void shake_hands(struct talk *talk)
{
    talk->channel.events = 0;
    enum channel_result result = channel_handshake(&talk->channel);
    if (result == CHANNEL_FAILED)
        fail(talk, &talk->channel.failure);
    if (result != CHANNEL_DONE)
        return;
    talk->phase = TALKING;
    stream_connected(talk->request);
}

static void take(struct talk *talk, const char *bytes, size_t n)
{
    struct net *net = talk->transfer.net;
    if (n > net->max_bodies - net->bodies) {
        stream_fail(talk->request, "MemoryError", "no room for more bytes", NULL);
        return;
    }
    net->bodies += n;
    talk->n_heard += n;
    stream_received(talk->request, bytes, n);
}

static void hear(struct talk *talk)
{
    struct stream_request *request = talk->request;
    struct channel *channel = &talk->channel;
    char bytes[PIECE];
    size_t n;
    for (int i = 0; i < PIECES_MAX || channel_has_pending(channel); i++) {
        if (request->state != STREAM_TALKING)
            return;
        switch (channel_read(channel, bytes, sizeof bytes, &n)) {
        case CHANNEL_DONE:
            take(talk, bytes, n);
            break;
        case CHANNEL_WAITS:
            return;
        case CHANNEL_EOF:
            stream_received_eof(request);
            return;
        case CHANNEL_FAILED:
            fail(talk, &channel->failure);
            return;
        }
    }
    channel->events |= UV_READABLE;
}

static void end_speech(struct talk *talk)
{
    talk->has_written_eof = true;
    if (channel_write_eof(&talk->channel) == CHANNEL_FAILED)
        fail(talk, &talk->channel.failure);
}

static void speak(struct talk *talk)
{
    struct stream_request *request = talk->request;
    enum channel_result result = CHANNEL_DONE;
    size_t n, left;
    while (request->state != STREAM_OVER && (left = stream_n_to_write(request)) > 0 &&
           result == CHANNEL_DONE) {
        result = channel_write(&talk->channel, request->out.bytes + request->n_written, left, &n);
        if (result == CHANNEL_DONE)
            stream_wrote(request, n);
        else if (result == CHANNEL_FAILED)
            fail(talk, &talk->channel.failure);
    }
    if (request->state == STREAM_TALKING && request->wants_eof && !talk->has_written_eof &&
        stream_n_to_write(request) == 0)
        end_speech(talk);
}

/* As far as it goes. It may free the talk. */
static void proceed(struct talk *talk)
{
    struct stream_request *request = talk->request;
    if (talk->phase == CONNECTING)
        look_at_call(talk);
    if (talk->phase == SECURING && request->state != STREAM_OVER)
        shake_hands(talk);
    if (talk->phase == TALKING && request->state != STREAM_OVER) {
        talk->channel.events = 0;
        hear(talk);
        speak(talk);
    }
    if (request->state == STREAM_OVER)
        answer(talk);
    else
        watch_for(talk, talk->channel.events);
}

/* ---- names ---- */

static void fail_finding(struct talk *talk, const struct lookup *lookup)
{
    struct channel_failure failure = {.type = "gaierror"};
    if (lookup->error == EAI_SYSTEM)
        channel_fail_errno(&failure, lookup->system_error);
    else
        buffer_format(&failure.message, "[Errno %d] %s", lookup->error,
                      gai_strerror(lookup->error));
    fail(talk, &failure);
    channel_failure_release(&failure);
}

/* The addresses are known. */
static void begin_calling(struct talk *talk)
{
    has_called(talk, call_next(&talk->call, &talk->channel, &talk->transfer.net->policy));
    if (talk->request->state == STREAM_OVER)
        answer(talk);
    else
        watch_for(talk, talk->channel.events);
}

static void found(struct lookup *lookup)
{
    struct talk *talk = lookup->context;
    talk->lookup = NULL;
    call_init(&talk->call, lookup->found);
    lookup->found = NULL;
    if (talk->call.addresses) {
        begin_calling(talk);
    } else {
        fail_finding(talk, lookup);
        answer(talk);
    }
}

/* ---- for the network thread ---- */

static void start(struct transfer *transfer)
{
    struct talk *talk = (struct talk *)transfer;
    const struct stream_request *request = talk->request;
    if (talk->call.addresses)
        begin_calling(talk);
    else
        talk->lookup =
            resolver_ask(transfer->net->resolver, request->host, request->port, found, talk);
}

static const struct transfer_kind kind = {.start = start, .free = free_talk};

void net_begin_talk(struct net *net, struct operation *operation)
{
    struct talk *talk = memory_new_zeroed(1, sizeof *talk);
    talk->request = stream_of(operation);
    talk->channel.fd = -1;
    transfer_add(&talk->transfer, net, operation, &kind);
    call_init(&talk->call, resolve_digits(talk->request->host, talk->request->port));
    transfer_run(&talk->transfer, false); /* for names the resolver has turns of its own */
}
