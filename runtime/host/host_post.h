/* The poster: sends JSON texts to URLs by POST, from a thread of its own, such as the unhandled
 * errors of an event loop to its exception handler. It does its best, and no more: a post is tried
 * again when it was not answered 2xx, and in the end dropped; there may be too many of them; and
 * what is not delivered when the process ends is lost. Each loss is a line of the log.
 *
 * Posts to one URL begin in the order in which they came, a few at a time; those to a slow one hold
 * up no others. Only http and https, redirects included; what is for https never goes to http. The
 * proxies that the environment names (http_proxy, https_proxy, no_proxy) are used: they must be
 * where the policy permits, and then have one of their own. */
#ifndef AWAITD_RUNTIME_HOST_POST_H
#define AWAITD_RUNTIME_HOST_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/host/net_policy.h"
#include "schema/error.h"

struct poster;

/* 0 or NULL stands for the value that is named. */
struct poster_options {
    const char *user_agent;          /* awaitd */
    const struct net_policy *policy; /* borrowed; anywhere */
    size_t max_posts;           /* 10,000; beyond, those that have waited longest are dropped */
    size_t max_bytes;           /* 16 MiB, of bodies */
    int64_t first_delay_ms;     /* 500; twice as long before each of the five retries */
    int64_t connect_timeout_ms; /* 5,000 */
    int64_t timeout_ms;         /* 10,000, for all of one try */
    /* For tests: a post has ended. From the poster's thread, or a caller of poster_post. */
    void (*ended)(void *context, const char *body, bool delivered);
    void *context;
};

/* Copies the options. 0, or -SYSTEM or -NO_MEMORY and *e. [main, before other threads use libcurl]
 */
int poster_start(struct poster **out, const struct poster_options *options, struct error *e);

/* Copies url (host_url.h: url_is_http), takes json, to which it adds a newline. [any, until
 * poster_stop is called] */
void poster_post(struct poster *poster, const char *url, char *json);

/* Returns when all was delivered or dropped, after grace_ms at the latest; what is left then is
 * dropped. Frees it. [main] */
void poster_stop(struct poster *poster, int64_t grace_ms);

#endif
