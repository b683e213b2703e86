/* Which addresses jobs may connect to. Asked of the address that is really connected to, each time:
 * what a URL, a redirect or a name server says does not matter.
 *
 *   never      link-local and metadata addresses of clouds, "this host" (0.0.0.0), multicast,
 *              broadcast, reserved ones
 *   private    loopback and those that only a private network routes: where only this machine can
 *              ask for jobs, or what an operator allowed
 *   public     all others
 *
 * IPv6 forms that lead to an IPv4 address (mapped, NAT64, 6to4, Teredo …) are what that one is, if
 * that is stricter. Pure. [any] */
#ifndef AWAITD_RUNTIME_NET_POLICY_H
#define AWAITD_RUNTIME_NET_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buffer.h"
#include "schema/error.h"

/* An address in network order: 4 bytes of them, or 16. */
struct net_address {
    uint8_t bytes[16];
    size_t size;
};

struct net_range {
    struct net_address address;
    unsigned n_bits;
};

struct net_policy {
    bool allows_private;
    struct net_range *allowed;
    size_t n_allowed;
};

/* `allowed`: ranges as 10.0.0.0/8, fd00::/8 or single addresses, comma-separated; "" for none. 0,
 * or -ERROR_INVALID (with the words of --allow-net) or -ERROR_NO_MEMORY and *e; released by the
 * caller in any case. */
int net_policy_init(struct net_policy *policy, bool allows_private, const char *allowed,
                    struct error *e);
void net_policy_release(struct net_policy *policy);

bool net_policy_permits(const struct net_policy *policy, const struct net_address *address);
/* Why it does not, for people: names the address and the option that would permit it, if any. */
void net_policy_explain(const struct net_address *address, struct buffer *out);

/* "10.1.2.3", "fd00::1". False: it is no address. */
bool net_address_parse(const char *text, struct net_address *out);

#endif
