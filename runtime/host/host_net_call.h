/* Calling the addresses of a host, one after the other as asyncio.open_connection does, each
 * against the policy. For host_net_stream.c. [net: the network thread] */
#ifndef AWAITD_RUNTIME_HOST_NET_CALL_H
#define AWAITD_RUNTIME_HOST_NET_CALL_H

#include <netdb.h>

#include "runtime/host/host_net_channel.h"
#include "runtime/host/net_policy.h"

struct call {
    struct addrinfo *addresses, *next; /* all; the first that was not called yet */
    const struct addrinfo *now;        /* the one that is being called */
    /* those that did not do */
    unsigned n_failures;
    bool is_one_failure; /* all are the same */
    struct channel_failure failure;
    struct buffer failures;
};

/* Takes the addresses; NULL: not known yet. */
void call_init(struct call *call, struct addrinfo *addresses);
void call_release(struct call *call);

/* Calls the next one that can be called, into a channel that is closed. CHANNEL_WAITS: it is on the
 * way; CHANNEL_FAILED: there are no more, and `failure` says what has come of all. */
enum channel_result call_next(struct call *call, struct channel *channel,
                              const struct net_policy *policy);
/* Something has happened to the descriptor: whether it is that the call failed. It is written down;
 * the owner closes the channel and calls the next one. */
bool call_has_failed(struct call *call, struct channel *channel);
/* Of a call that did not fail: CHANNEL_DONE, the connection stands, or CHANNEL_WAITS. */
enum channel_result call_result(struct channel *channel);

#endif
