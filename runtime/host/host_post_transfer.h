/* The poster's transfers: tries of posts, many at once on one thread, by libcurl's multi interface.
 * [the poster's thread, but for what says otherwise] */
#ifndef AWAITD_RUNTIME_HOST_POST_TRANSFER_H
#define AWAITD_RUNTIME_HOST_POST_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/host/host_post.h"
#include "runtime/host/host_post_queue.h"

#define TRANSFERS_MAX 64

struct transfers {
    CURLM *multi;
    struct curl_slist *headers;
    char *user_agent;
    const struct net_policy *policy; /* or NULL */
    long connect_timeout_ms, timeout_ms;
    struct list running;
    int n_running;
};

struct outcome {
    bool is_delivered;
    bool may_retry;            /* else it can only fail again */
    char why[CURL_ERROR_SIZE]; /* it failed */
};

/* After curl_global_init. False: out of memory; to be released also then. [main] */
bool transfers_init(struct transfers *transfers, const struct poster_options *options);
void transfers_release(struct transfers *transfers);

/* The post, in no list, is lent until it is taken again. False: out of memory. */
bool transfers_begin(struct transfers *transfers, struct post *post);
/* Lets libcurl do what there is to do, without waiting. */
void transfers_run(struct transfers *transfers);
/* One that ended; NULL when there is none. */
struct post *transfers_take_ended(struct transfers *transfers, struct outcome *outcome);
/* One that runs, which is broken off; NULL when there is none. */
struct post *transfers_take_running(struct transfers *transfers);

/* Until there is something to do for libcurl, transfers_wake was called, or the time is over. */
void transfers_wait(struct transfers *transfers, int64_t ms);
/* Also one that is yet to come. [any] */
void transfers_wake(struct transfers *transfers);

#endif
