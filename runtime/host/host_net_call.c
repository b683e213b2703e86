#include "runtime/host/host_net_call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "runtime/base/memory.h"
#include "runtime/host/host_net_internal.h"

void call_init(struct call *call, struct addrinfo *addresses)
{
    *call = (struct call){.addresses = addresses, .next = addresses};
}

void call_release(struct call *call)
{
    if (call->addresses)
        freeaddrinfo(call->addresses);
    channel_failure_release(&call->failure);
    buffer_release(&call->failures);
}

/* ---- failures ---- */

/* Takes the failure. */
static void add_failure(struct call *call, struct channel_failure *failure)
{
    memory_need(failure->message.bytes);
    buffer_text(&call->failures, call->n_failures > 0 ? ", " : "");
    buffer_text(&call->failures, failure->message.bytes);
    if (call->n_failures++ == 0) {
        call->failure = *failure;
        call->is_one_failure = true;
        return;
    }
    call->is_one_failure &= strcmp(call->failure.message.bytes, failure->message.bytes) == 0;
    channel_failure_release(failure);
}

static enum channel_result fail(struct call *call)
{
    if (call->is_one_failure)
        return CHANNEL_FAILED;
    channel_failure_release(&call->failure);
    call->failure.type = "OSError";
    buffer_text(&call->failure.message, "Multiple exceptions: ");
    buffer_add(&call->failure.message, call->failures.bytes, call->failures.size);
    return CHANNEL_FAILED;
}

/* As Python shows an address: ('127.0.0.1', 9), ('::1', 9, 0, 0). */
static void write_address(struct buffer *b, const struct addrinfo *address)
{
    char text[INET6_ADDRSTRLEN];
    if (address->ai_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address->ai_addr;
        buffer_format(b, "('%s', %u, %u, %u)",
                      inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text), ntohs(v6->sin6_port),
                      ntohl(v6->sin6_flowinfo), v6->sin6_scope_id);
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address->ai_addr;
        buffer_format(b, "('%s', %u)", inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text),
                      ntohs(v4->sin_port));
    }
}

/* ---- calling ---- */

/* False: the policy has an objection. */
static bool is_permitted(struct call *call, const struct net_policy *policy)
{
    struct channel_failure failure = {.type = "PermissionError"};
    struct net_address to = net_address_of(call->now->ai_addr);
    if (net_policy_permits(policy, &to))
        return true;
    net_policy_explain(&to, &failure.message);
    add_failure(call, &failure);
    return false;
}

/* 0: connected or on the way; else errno. */
static int begin(const struct addrinfo *to, struct channel *channel)
{
    int one = 1, fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    channel_open(channel, fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS || errno == EINTR)
        return 0;
    int number = errno;
    channel_close(channel);
    return number;
}

enum channel_result call_next(struct call *call, struct channel *channel,
                              const struct net_policy *policy)
{
    while ((call->now = call->next)) {
        struct channel_failure failure = {0};
        call->next = call->next->ai_next;
        if (!is_permitted(call, policy))
            continue;
        int number = begin(call->now, channel);
        if (number == 0) {
            channel->events = UV_WRITABLE;
            return CHANNEL_WAITS;
        }
        channel_fail_errno(&failure, number);
        add_failure(call, &failure);
    }
    return fail(call);
}

bool call_has_failed(struct call *call, struct channel *channel)
{
    int number = 0;
    socklen_t size = sizeof number;
    getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &number, &size);
    if (number == 0)
        return false;
    struct channel_failure failure = {.type = net_type_of_errno(number)};
    buffer_format(&failure.message, "[Errno %d] Connect call failed ", number);
    write_address(&failure.message, call->now);
    add_failure(call, &failure);
    return true;
}

enum channel_result call_result(struct channel *channel)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    channel->events = UV_WRITABLE;
    return getpeername(channel->fd, (struct sockaddr *)&peer, &size) == 0 ? CHANNEL_DONE
                                                                          : CHANNEL_WAITS;
}
