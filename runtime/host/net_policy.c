#include "runtime/host/net_policy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"

enum net_class { NET_PUBLIC, NET_PRIVATE, NET_NEVER };

/* What is special; the first that an address is in counts. */
struct special {
    const char *address;
    unsigned n_bits;
    enum net_class class;
    const char *what;
};

#define METADATA "the metadata service of a cloud"

static const struct special special_v4[] = {
    {"100.100.100.200", 32, NET_NEVER, METADATA}, /* Alibaba */
    {"168.63.129.16", 32, NET_NEVER, METADATA},   /* Azure */
    {"192.0.0.192", 32, NET_NEVER, METADATA},     /* Oracle */
    {"169.254.0.0", 16, NET_NEVER, "link-local, where clouds have their metadata"},
    {"0.0.0.0", 8, NET_NEVER, "this host"},
    {"224.0.0.0", 4, NET_NEVER, "multicast"},
    {"255.255.255.255", 32, NET_NEVER, "broadcast"},
    {"240.0.0.0", 4, NET_NEVER, "reserved"},
    {"127.0.0.0", 8, NET_PRIVATE, "loopback"},
    {"10.0.0.0", 8, NET_PRIVATE, "a private network's"},
    {"172.16.0.0", 12, NET_PRIVATE, "a private network's"},
    {"192.168.0.0", 16, NET_PRIVATE, "a private network's"},
    {"100.64.0.0", 10, NET_PRIVATE, "a provider's own network's"},
    {"192.0.0.0", 24, NET_PRIVATE, "for protocols"},
    {"192.0.2.0", 24, NET_PRIVATE, "for documentation"},
    {"192.88.99.0", 24, NET_PRIVATE, "a 6to4 relay's"},
    {"198.18.0.0", 15, NET_PRIVATE, "for benchmarks"},
    {"198.51.100.0", 24, NET_PRIVATE, "for documentation"},
    {"203.0.113.0", 24, NET_PRIVATE, "for documentation"},
    {NULL, 0, NET_PUBLIC, NULL},
};

static const struct special special_v6[] = {
    {"fd00:ec2::", 32, NET_NEVER, METADATA},          /* Amazon */
    {"fd20:ce::254", 128, NET_NEVER, METADATA},       /* Google */
    {"fd00:42::42", 128, NET_NEVER, METADATA},        /* Scaleway */
    {"fd00:c1::a9fe:a9fe", 128, NET_NEVER, METADATA}, /* Oracle */
    {"fe80::", 10, NET_NEVER, "link-local, where clouds have their metadata"},
    {"::", 128, NET_NEVER, "this host"},
    {"ff00::", 8, NET_NEVER, "multicast"},
    {"::1", 128, NET_PRIVATE, "loopback"},
    {"fc00::", 7, NET_PRIVATE, "a private network's"},
    {"fec0::", 10, NET_PRIVATE, "a private network's"},
    {"64:ff9b:1::", 48, NET_PRIVATE, "a private network's way to IPv4"},
    {"100::", 64, NET_PRIVATE, "for what is thrown away"},
    {"2001:db8::", 32, NET_PRIVATE, "for documentation"},
    {"3fff::", 20, NET_PRIVATE, "for documentation"},
    {NULL, 0, NET_PUBLIC, NULL},
};

/* IPv6 that leads to an IPv4 address: where in it that one stands, and whether inverted. */
static const struct embedding {
    const char *address;
    unsigned n_bits, at;
    uint8_t inverted;
} embeddings[] = {
    {"::ffff:0:0", 96, 12, 0},   /* mapped */
    {"::ffff:0:0:0", 96, 12, 0}, /* translated */
    {"::", 96, 12, 0},           /* compatible */
    {"64:ff9b::", 96, 12, 0},    /* NAT64 */
    {"64:ff9b:1::", 48, 12, 0},  /* a local NAT64's */
    {"2002::", 16, 2, 0},        /* 6to4 */
    {"2001::", 32, 12, 0xff},    /* Teredo */
    {NULL, 0, 0, 0},
};

/* ---- addresses ---- */

bool net_address_parse(const char *text, struct net_address *out)
{
    *out = (struct net_address){.size = 4};
    if (inet_pton(AF_INET, text, out->bytes) == 1)
        return true;
    out->size = 16;
    return inet_pton(AF_INET6, text, out->bytes) == 1;
}

static bool is_in(const struct net_address *address, const struct net_address *range,
                  unsigned n_bits)
{
    unsigned n = n_bits / 8, rest = n_bits % 8;
    return address->size == range->size && memcmp(address->bytes, range->bytes, n) == 0 &&
           (rest == 0 || (address->bytes[n] ^ range->bytes[n]) >> (8 - rest) == 0);
}

static bool is_in_text(const struct net_address *address, const char *text, unsigned n_bits)
{
    struct net_address range;
    return net_address_parse(text, &range) && is_in(address, &range, n_bits);
}

static const struct special *find_special(const struct net_address *address)
{
    const struct special *s = address->size == 4 ? special_v4 : special_v6;
    while (s->address && !is_in_text(address, s->address, s->n_bits))
        s++;
    return s;
}

/* The IPv4 address that it leads to; false when it leads to none. */
static bool find_embedded(const struct net_address *address, struct net_address *out)
{
    const struct embedding *e = embeddings;
    while (e->address && !is_in_text(address, e->address, e->n_bits))
        e++;
    if (!e->address || is_in_text(address, "::", 127)) /* "::" and "::1" are themselves */
        return false;
    *out = (struct net_address){.size = 4};
    for (unsigned i = 0; i < 4; i++)
        out->bytes[i] = address->bytes[e->at + i] ^ e->inverted;
    return true;
}

/* The stricter of what it is itself and of what it leads to. */
static const struct special *classify(const struct net_address *address)
{
    struct net_address inner;
    const struct special *own = find_special(address);
    if (!find_embedded(address, &inner))
        return own;
    const struct special *led_to = find_special(&inner);
    return led_to->class > own->class ? led_to : own;
}

/* ---- the policy ---- */

static bool is_allowed(const struct net_policy *policy, const struct net_address *address)
{
    for (size_t i = 0; i < policy->n_allowed; i++)
        if (is_in(address, &policy->allowed[i].address, policy->allowed[i].n_bits))
            return true;
    return false;
}

bool net_policy_permits(const struct net_policy *policy, const struct net_address *address)
{
    struct net_address inner;
    enum net_class class = classify(address)->class;
    if (class != NET_PRIVATE)
        return class == NET_PUBLIC;
    return policy->allows_private || is_allowed(policy, address) ||
           (find_embedded(address, &inner) && is_allowed(policy, &inner));
}

void net_policy_explain(const struct net_address *address, struct buffer *out)
{
    char text[INET6_ADDRSTRLEN];
    const struct special *s = classify(address);
    inet_ntop(address->size == 4 ? AF_INET : AF_INET6, address->bytes, text, sizeof text);
    if (s->class == NET_NEVER)
        buffer_format(out,
                      "%s is %s: no job may connect to it, whatever --allow-net of the server says",
                      text, s->what);
    else
        buffer_format(out,
                      "%s is %s: as this server listens for others too, its jobs may connect there "
                      "only if --allow-net names it, as in --allow-net %s",
                      text, s->what ? s->what : "public", text);
}

/* ---- reading it ---- */

static bool has_bits_beyond(const struct net_range *range)
{
    for (size_t i = 0; i < range->address.size; i++) {
        unsigned before = range->n_bits > 8 * i ? range->n_bits - 8 * (unsigned)i : 0;
        if (before < 8 && (uint8_t)(range->address.bytes[i] << before) != 0)
            return true;
    }
    return false;
}

/* ::ffff:10.0.0.0/104 is 10.0.0.0/8: an address never comes in that form, nor is it looked for. */
static void unmap(struct net_range *range)
{
    if (range->address.size != 16 || range->n_bits < 96 ||
        !is_in_text(&range->address, "::ffff:0:0", 96))
        return;
    memmove(range->address.bytes, range->address.bytes + 12, 4);
    range->address.size = 4;
    range->n_bits -= 96;
}

static bool parse_range(const char *text, size_t size, struct net_range *out)
{
    char copy[64], *slash, *end;
    if (size >= sizeof copy)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if ((slash = strchr(copy, '/')))
        *slash++ = '\0';
    if (!net_address_parse(copy, &out->address))
        return false;
    out->n_bits = 8 * (unsigned)out->address.size;
    if (slash) {
        unsigned long n = strtoul(slash, &end, 10);
        if (*slash < '0' || *slash > '9' || *end || n > out->n_bits)
            return false;
        out->n_bits = (unsigned)n;
    }
    if (has_bits_beyond(out))
        return false;
    unmap(out);
    return true;
}

int net_policy_init(struct net_policy *policy, bool allows_private, const char *allowed,
                    struct error *e)
{
    *policy = (struct net_policy){.allows_private = allows_private};
    while (*allowed) {
        size_t size = strcspn(allowed, ",");
        struct net_range range, *more;
        if (size > 0) {
            if (!parse_range(allowed, size, &range))
                return error_set(e, ERROR_INVALID,
                                 "--allow-net: '%.*s' must be a range of addresses, as in "
                                 "10.0.0.0/8, fd12:3456::/32 or 192.168.1.7",
                                 (int)(size < 80 ? size : 80), allowed);
            more = allocate_resize(policy->allowed, (policy->n_allowed + 1) * sizeof *more);
            if (!more)
                return error_set(e, ERROR_NO_MEMORY, "out of memory");
            policy->allowed = more;
            more[policy->n_allowed++] = range;
        }
        allowed += size + (allowed[size] == ',');
    }
    return 0;
}

void net_policy_release(struct net_policy *policy)
{
    free(policy->allowed);
    *policy = (struct net_policy){0};
}
