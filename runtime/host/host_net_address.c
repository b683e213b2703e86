#include "runtime/host/host_net_address.h"

#include <netinet/in.h>
#include <string.h>

struct net_address net_address_of(const struct sockaddr *address)
{
    struct net_address out = {.size = 4};
    if (address->sa_family == AF_INET6) {
        out.size = 16;
        memcpy(out.bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    } else
        memcpy(out.bytes, &((const struct sockaddr_in *)address)->sin_addr, 4);
    return out;
}
