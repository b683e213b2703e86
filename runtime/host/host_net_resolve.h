/* Names to addresses: getaddrinfo, which may take as long as a name server likes, on threads that
 * nobody ever waits for. Also those whose answer nobody wants any more count until they have it:
 * there are never more than so many, and other names wait for one. [net: the network thread], but
 * for what the threads do. */
#ifndef AWAITD_RUNTIME_HOST_NET_RESOLVE_H
#define AWAITD_RUNTIME_HOST_NET_RESOLVE_H

#include <netdb.h>
#include <stdatomic.h>
#include <uv.h>

struct resolver;

/* One name that is being asked for. */
struct lookup {
    struct lookup *next; /* among those that wait for a thread, or are answered */
    char *host;
    char port[6];
    /* the answer */
    int error;              /* EAI_…; 0: there are addresses */
    int system_error;       /* errno, of EAI_SYSTEM */
    struct addrinfo *found; /* the lookup's, until somebody takes it */
    void (*done)(struct lookup *lookup);
    void *context;
    atomic_bool is_cancelled;
};

/* Rings the bell, borrowed until resolver_close, when resolver_take is to be called. */
struct resolver *resolver_open(uv_async_t *bell);
/* Calls `done` of those that are answered, and frees them. */
void resolver_take(struct resolver *resolver);
/* Threads that still ask see to themselves. */
void resolver_close(struct resolver *resolver);

/* `done` is called later, once, unless it is cancelled. */
struct lookup *resolver_ask(struct resolver *resolver, const char *host, int port,
                            void (*done)(struct lookup *lookup), void *context);
void lookup_cancel(struct lookup *lookup);

/* Addresses of a host that is one itself, in digits: at once. NULL: it is a name. The caller frees
 * them by freeaddrinfo. */
struct addrinfo *resolve_digits(const char *host, int port);

#endif
