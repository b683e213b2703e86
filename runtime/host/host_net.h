/* The network thread ("awaitd-net"): carries out requests (OPERATION_FETCH, from http_request.h)
 * and conversations (OPERATION_TALK) of all loops, on libcurl and a libuv loop of its own. Names
 * are resolved, bodies checked and results written here, so that the loops only take them.
 *
 * Every connection obeys the policy, whatever led to it. Proxies that the environment names are not
 * used: they would connect for us. The environment's SSL_CERT_FILE, a bundle of certificates, is
 * trusted instead of the system's. */
#ifndef AWAITD_RUNTIME_HOST_NET_H
#define AWAITD_RUNTIME_HOST_NET_H

#include "runtime/host/net_policy.h"
#include "runtime/operation.h"
#include "schema/error.h"

struct net;

struct net_options {
    struct net_policy policy; /* taken */
    const char *user_agent;   /* copied; of requests that name none */
    /* 0 stands for the value that is named. */
    size_t
        max_bodies; /* 512 MiB: what responses and conversations under way may hold, all together */
    double idle;    /* 15 seconds: so long connections are kept after the last transfer */
};

/* 0, or -SYSTEM or -NO_MEMORY and *e; the policy is taken in any case. [main, before other threads
 * use libcurl] */
int net_start(struct net **out, const struct net_options *options, struct error *e);
/* Of both kinds of operations; as long as the thread. [any] */
struct operation_backend *net_backend(struct net *net);
/* Borrowed, as long as the thread. [any] */
const struct net_policy *net_get_policy(const struct net *net);
/* Breaks off what is under way, and frees it all. No loop begins anything any more. [main] */
void net_stop(struct net *net);

#endif
