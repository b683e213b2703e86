/* Addresses of sockets, as the policy takes them. Pure. [any] */
#ifndef AWAITD_RUNTIME_HOST_NET_ADDRESS_H
#define AWAITD_RUNTIME_HOST_NET_ADDRESS_H

#include <sys/socket.h>

#include "runtime/host/net_policy.h"

/* Of AF_INET or AF_INET6. */
struct net_address net_address_of(const struct sockaddr *address);

#endif
