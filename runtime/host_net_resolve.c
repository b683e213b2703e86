#include "runtime/host_net_resolve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"

struct resolver {
    pthread_mutex_t lock;
    uv_async_t *bell; /* NULL once it is closed */
    struct lookup *answered, **end;
    size_t refs;    /* the network thread's, and one for each thread that asks */
    size_t n_asked; /* the network thread's: lookups that it has not taken */
};

static void lock(struct resolver *resolver)
{
    BUG_ON(pthread_mutex_lock(&resolver->lock) != 0);
}

static void unlock(struct resolver *resolver)
{
    BUG_ON(pthread_mutex_unlock(&resolver->lock) != 0);
}

static void free_lookup(struct lookup *lookup)
{
    if (lookup->found)
        freeaddrinfo(lookup->found);
    free(lookup->host);
    free(lookup);
}

static void free_resolver(struct resolver *resolver)
{
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

/* ---- the threads that ask ---- */

static int ask(const char *host, const char *port, int flags, struct addrinfo **found)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    return getaddrinfo(host, port, &hints, found);
}

/* [any] */
static void answer(struct lookup *lookup)
{
    struct resolver *resolver = lookup->resolver;
    lock(resolver);
    bool is_open = resolver->bell != NULL, is_last = --resolver->refs == 0;
    if (is_open) {
        lookup->next = NULL;
        *resolver->end = lookup;
        resolver->end = &lookup->next;
        uv_async_send(resolver->bell);
    }
    unlock(resolver);
    if (!is_open)
        free_lookup(lookup);
    if (is_last)
        free_resolver(resolver);
}

static void *run(void *context)
{
    struct lookup *lookup = context;
    lookup->error = ask(lookup->host, lookup->port, 0, &lookup->found);
    lookup->system_error = errno;
    answer(lookup);
    return NULL;
}

/* The network thread has all signals blocked already, and so has this one. */
static int start_thread(struct lookup *lookup)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, run, lookup);
    if (rc == 0) {
        pthread_setname_np(thread, "awaitd-name");
        pthread_detach(thread);
    }
    return rc;
}

/* ---- the network thread ---- */

struct resolver *resolver_open(uv_async_t *bell)
{
    struct resolver *resolver = memory_new_zeroed(1, sizeof *resolver);
    BUG_ON(pthread_mutex_init(&resolver->lock, NULL) != 0);
    resolver->bell = bell;
    resolver->end = &resolver->answered;
    resolver->refs = 1;
    return resolver;
}

static struct lookup *take_all(struct resolver *resolver)
{
    struct lookup *first = resolver->answered;
    resolver->answered = NULL;
    resolver->end = &resolver->answered;
    return first;
}

void resolver_take(struct resolver *resolver)
{
    lock(resolver);
    struct lookup *lookup = take_all(resolver), *next;
    unlock(resolver);
    for (; lookup; lookup = next) {
        next = lookup->next;
        resolver->n_asked--;
        if (lookup->done)
            lookup->done(lookup);
        free_lookup(lookup);
    }
}

void resolver_close(struct resolver *resolver)
{
    lock(resolver);
    struct lookup *lookup = take_all(resolver), *next;
    resolver->bell = NULL;
    bool is_last = --resolver->refs == 0;
    unlock(resolver);
    for (; lookup; lookup = next) {
        next = lookup->next;
        free_lookup(lookup);
    }
    if (is_last)
        free_resolver(resolver);
}

struct lookup *resolver_ask(struct resolver *resolver, const char *host, int port,
                            void (*done)(struct lookup *lookup), void *context)
{
    struct lookup *lookup = memory_new(sizeof *lookup);
    *lookup = (struct lookup){
        .resolver = resolver, .host = memory_need(strdup(host)), .done = done, .context = context};
    snprintf(lookup->port, sizeof lookup->port, "%d", port);
    resolver->n_asked++;
    lock(resolver);
    resolver->refs++;
    unlock(resolver);
    int rc = start_thread(lookup);
    if (rc != 0) {
        lookup->error = EAI_SYSTEM;
        lookup->system_error = rc;
        answer(lookup);
    }
    return lookup;
}

size_t resolver_count(const struct resolver *resolver)
{
    return resolver->n_asked;
}

/* Only this thread looks at `done`. */
void lookup_cancel(struct lookup *lookup)
{
    lookup->done = NULL;
}

struct addrinfo *resolve_digits(const char *host, int port)
{
    struct addrinfo *found = NULL;
    char text[6];
    snprintf(text, sizeof text, "%d", port);
    return ask(host, text, AI_NUMERICHOST | AI_NUMERICSERV, &found) == 0 ? found : NULL;
}
