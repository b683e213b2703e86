#include "runtime/host/host_net_resolve.h"

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
    struct lookups {
        struct lookup *first, **end;
    } waiting, answered;
    size_t n_threads;
    size_t refs; /* the network thread's, and one for each thread */
};

#define THREADS_MAX 256

static void lock(struct resolver *resolver)
{
    BUG_ON(pthread_mutex_lock(&resolver->lock) != 0);
}

static void unlock(struct resolver *resolver)
{
    BUG_ON(pthread_mutex_unlock(&resolver->lock) != 0);
}

static void append(struct lookups *list, struct lookup *lookup)
{
    lookup->next = NULL;
    *list->end = lookup;
    list->end = &lookup->next;
}

static struct lookup *take_all(struct lookups *list)
{
    struct lookup *first = list->first;
    *list = (struct lookups){.end = &list->first};
    return first;
}

static struct lookup *take_first(struct lookups *list)
{
    struct lookup *first = list->first;
    if (first && !(list->first = first->next))
        list->end = &list->first;
    return first;
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

/* Locked. */
static void answer(struct resolver *resolver, struct lookup *lookup)
{
    append(&resolver->answered, lookup);
    uv_async_send(resolver->bell);
}

/* Hands in what it has, NULL at first, and takes what is next; NULL when it is not needed. */
static struct lookup *change(struct resolver *resolver, struct lookup *lookup)
{
    struct lookup *next = NULL;
    lock(resolver);
    bool is_open = resolver->bell != NULL, is_last = false;
    if (is_open && lookup)
        answer(resolver, lookup);
    if (is_open)
        next = take_first(&resolver->waiting);
    if (!next) {
        resolver->n_threads--;
        is_last = --resolver->refs == 0;
    }
    unlock(resolver);
    if (!is_open && lookup)
        free_lookup(lookup);
    if (is_last)
        free_resolver(resolver);
    return next;
}

static void *run(void *context)
{
    struct resolver *resolver = context;
    struct lookup *lookup = NULL;
    while ((lookup = change(resolver, lookup))) {
        if (atomic_load(&lookup->is_cancelled))
            continue;
        lookup->error = ask(lookup->host, lookup->port, 0, &lookup->found);
        lookup->system_error = errno;
    }
    return NULL;
}

/* The network thread has all signals blocked already, and so has this one. */
static int start_thread(struct resolver *resolver)
{
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, run, resolver);
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
    resolver->waiting.end = &resolver->waiting.first;
    resolver->answered.end = &resolver->answered.first;
    resolver->refs = 1;
    return resolver;
}

void resolver_take(struct resolver *resolver)
{
    lock(resolver);
    struct lookup *lookup = take_all(&resolver->answered), *next;
    unlock(resolver);
    for (; lookup; lookup = next) {
        next = lookup->next;
        if (!atomic_load(&lookup->is_cancelled))
            lookup->done(lookup);
        free_lookup(lookup);
    }
}

static void free_all(struct lookup *lookup)
{
    for (struct lookup *next; lookup; lookup = next) {
        next = lookup->next;
        free_lookup(lookup);
    }
}

void resolver_close(struct resolver *resolver)
{
    lock(resolver);
    struct lookup *answered = take_all(&resolver->answered);
    struct lookup *waiting = take_all(&resolver->waiting);
    resolver->bell = NULL;
    bool is_last = --resolver->refs == 0;
    unlock(resolver);
    free_all(answered);
    free_all(waiting);
    if (is_last)
        free_resolver(resolver);
}

/* Locked: one more thread, if there may be one. Without any, nobody would ask: then it is all over
 * with those that wait. */
static void add_thread(struct resolver *resolver)
{
    struct lookup *lookup;
    int rc = 0;
    if (resolver->n_threads < THREADS_MAX && (rc = start_thread(resolver)) == 0) {
        resolver->n_threads++;
        resolver->refs++;
    }
    while (resolver->n_threads == 0 && (lookup = take_first(&resolver->waiting))) {
        lookup->error = EAI_SYSTEM;
        lookup->system_error = rc;
        answer(resolver, lookup);
    }
}

struct lookup *resolver_ask(struct resolver *resolver, const char *host, int port,
                            void (*done)(struct lookup *lookup), void *context)
{
    struct lookup *lookup = memory_new(sizeof *lookup);
    *lookup = (struct lookup){.host = memory_text(host), .done = done, .context = context};
    snprintf(lookup->port, sizeof lookup->port, "%d", port);
    lock(resolver);
    append(&resolver->waiting, lookup);
    add_thread(resolver);
    unlock(resolver);
    return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
    atomic_store(&lookup->is_cancelled, true);
}

struct addrinfo *resolve_digits(const char *host, int port)
{
    struct addrinfo *found = NULL;
    char text[6];
    snprintf(text, sizeof text, "%d", port);
    return ask(host, text, AI_NUMERICHOST | AI_NUMERICSERV, &found) == 0 ? found : NULL;
}
