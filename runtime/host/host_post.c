#include "runtime/host/host_post.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/host/host_memory.h"
#include "runtime/host/host_post_queue.h"
#include "runtime/host/host_post_transfer.h"
#include "runtime/host/host_url.h"
#include "schema/allocate.h"

#define SAY_AGAIN_MS 10000 /* between two lines about too many posts */
#define IDLE_MS 60000      /* any time would do */

struct poster {
    struct poster_options options;
    struct transfers transfers;
    pthread_t thread;
    pthread_mutex_t lock; /* of the next four; never held while libcurl works */
    struct post_queue queue;
    uint64_t n_overflown; /* dropped for want of room, and not yet said */
    bool is_stopping;
    int64_t stop_ms; /* then drop what is left */
    int64_t say_ms;  /* not before then, about too many posts [the thread] */
};

/* ---- ends ---- */

static void end_post(struct poster *poster, struct post *post, bool delivered)
{
    if (poster->options.ended)
        poster->options.ended(poster->options.context, post->body, delivered);
    post_free(post);
}

static size_t end_dropped(struct poster *poster, struct list *dropped)
{
    size_t n = 0;
    for (; !list_is_empty(dropped); n++) {
        struct post *post = CONTAINER_OF(dropped->next, struct post, link);
        list_remove(&post->link);
        end_post(poster, post, false);
    }
    return n;
}

/* ---- the thread ---- */

static struct post *next_post(struct poster *poster)
{
    pthread_mutex_lock(&poster->lock);
    struct post *post = post_queue_next(&poster->queue, clock_now_ms());
    pthread_mutex_unlock(&poster->lock);
    return post;
}

static bool retry(struct poster *poster, struct post *post)
{
    pthread_mutex_lock(&poster->lock);
    bool again = post_queue_retry(&poster->queue, post, clock_now_ms());
    pthread_mutex_unlock(&poster->lock);
    return again;
}

static void log_drop(const struct post *post, const char *why)
{
    char *url = url_public(post->target->url);
    log_line(LOG_WARNING, "post: to %s: dropped: %s", url ? url : "a URL that cannot be read", why);
    free(url);
}

/* Its target lasts as long as it does, so that the URL needs no lock. */
static void end_try(struct poster *poster, struct post *post, const struct outcome *outcome)
{
    if (!outcome->is_delivered) {
        if (outcome->may_retry && retry(poster, post))
            return;
        log_drop(post, outcome->why);
    }
    pthread_mutex_lock(&poster->lock);
    post_queue_end(&poster->queue, post);
    pthread_mutex_unlock(&poster->lock);
    end_post(poster, post, outcome->is_delivered);
}

static void end_all(struct poster *poster)
{
    struct outcome outcome;
    for (struct post *post; (post = transfers_take_ended(&poster->transfers, &outcome));)
        end_try(poster, post, &outcome);
}

static void begin_all(struct poster *poster)
{
    static const struct outcome no_memory = {.may_retry = true, .why = "out of memory"};
    struct post *post;
    while (poster->transfers.n_running < TRANSFERS_MAX && (post = next_post(poster)))
        if (!transfers_begin(&poster->transfers, post))
            end_try(poster, post, &no_memory);
}

/* How many were dropped for want of room, when it is time to say so; else 0. [under the lock] */
static uint64_t take_overflown(struct poster *poster, int64_t now)
{
    uint64_t n = poster->n_overflown;
    if (n == 0 || now < poster->say_ms)
        return 0;
    poster->n_overflown = 0;
    poster->say_ms = now + SAY_AGAIN_MS;
    return n;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When there is something to do, even if libcurl has nothing. [under the lock] */
static int64_t next_ms(const struct poster *poster, int64_t now)
{
    int64_t next = now + IDLE_MS;
    if (poster->n_overflown > 0)
        next = earlier(next, poster->say_ms);
    if (poster->is_stopping)
        next = earlier(next, poster->stop_ms);
    if (poster->transfers.n_running < TRANSFERS_MAX)
        next = earlier(next, post_queue_due_ms(&poster->queue));
    return next;
}

/* False: all is over. */
static bool wait_for_work(struct poster *poster)
{
    int64_t now = clock_now_ms();
    pthread_mutex_lock(&poster->lock);
    uint64_t n_overflown = take_overflown(poster, now);
    int64_t next = next_ms(poster, now);
    bool is_over = poster->is_stopping && (poster->queue.n_posts == 0 || now >= poster->stop_ms);
    pthread_mutex_unlock(&poster->lock);
    if (n_overflown > 0)
        log_line(LOG_WARNING, "post: too many to deliver: %" PRIu64 " dropped", n_overflown);
    if (is_over)
        return false;
    transfers_wait(&poster->transfers, next > now ? next - now : 0);
    return true;
}

/* Nobody posts any more: the lock is not needed. */
static void drop_rest(struct poster *poster)
{
    struct list dropped;
    list_init(&dropped);
    for (struct post *post; (post = transfers_take_running(&poster->transfers));) {
        post_queue_end(&poster->queue, post);
        list_append(&dropped, &post->link);
    }
    post_queue_drop_all(&poster->queue, &dropped);
    uint64_t n = end_dropped(poster, &dropped) + poster->n_overflown;
    if (n > 0)
        log_line(LOG_WARNING, "post: stopped: %" PRIu64 " not delivered and dropped", n);
}

static void *poster_run(void *context)
{
    struct poster *poster = context;
    do {
        transfers_run(&poster->transfers);
        end_all(poster);
        begin_all(poster);
    } while (wait_for_work(poster));
    drop_rest(poster);
    return NULL;
}

/* ---- the face ---- */

static void set_defaults(struct poster_options *options)
{
    if (!options->user_agent)
        options->user_agent = "awaitd";
    if (options->max_posts == 0)
        options->max_posts = 10000;
    if (options->max_bytes == 0)
        options->max_bytes = 16 << 20;
    if (options->first_delay_ms == 0)
        options->first_delay_ms = 500;
    if (options->connect_timeout_ms == 0)
        options->connect_timeout_ms = 5000;
    if (options->timeout_ms == 0)
        options->timeout_ms = 10000;
}

static void free_poster(struct poster *poster)
{
    transfers_release(&poster->transfers);
    pthread_mutex_destroy(&poster->lock);
    free(poster);
}

/* Signals are for the main thread. */
static int start_thread(struct poster *poster)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&poster->thread, NULL, poster_run, poster);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(poster->thread, "awaitd-poster");
    return rc;
}

/* curl_global_init is never undone: a helper of libcurl may run for longer than the poster. */
int poster_start(struct poster **out, const struct poster_options *options, struct error *e)
{
    if (!host_memory_for_curl())
        return error_set(e, ERROR_SYSTEM, "poster: libcurl does not start");
    struct poster *poster = allocate_zeroed(1, sizeof *poster);
    if (!poster)
        return error_set(e, ERROR_NO_MEMORY, "poster: out of memory");
    poster->options = *options;
    poster->say_ms = INT64_MIN;
    set_defaults(&poster->options);
    pthread_mutex_init(&poster->lock, NULL);
    post_queue_init(&poster->queue, poster->options.max_posts, poster->options.max_bytes,
                    poster->options.first_delay_ms);
    int rc = 0, failure = 0;
    if (!transfers_init(&poster->transfers, &poster->options))
        rc = error_set(e, ERROR_NO_MEMORY, "poster: out of memory");
    else if ((failure = start_thread(poster)) != 0)
        rc = error_set(e, ERROR_SYSTEM, "poster: no thread: %s", strerror(failure));
    if (rc != 0)
        free_poster(poster);
    else
        *out = poster;
    return rc;
}

/* The text and a newline, in its place. NULL, and freed, for want of memory. */
static char *add_newline(char *json, size_t size)
{
    char *body = allocate_resize(json, size + 2);
    if (body)
        memcpy(body + size, "\n", 2);
    else
        free(json);
    return body;
}

void poster_post(struct poster *poster, const char *url, char *json)
{
    struct list dropped;
    list_init(&dropped);
    size_t size = strlen(json);
    char *body = add_newline(json, size);
    pthread_mutex_lock(&poster->lock);
    size_t n_before = poster->queue.n_posts;
    bool is_added = body && post_queue_add(&poster->queue, url, body, size + 1, &dropped);
    poster->n_overflown += n_before + 1 - poster->queue.n_posts;
    pthread_mutex_unlock(&poster->lock);
    if (!is_added)
        free(body);
    end_dropped(poster, &dropped);
    transfers_wake(&poster->transfers);
}

void poster_stop(struct poster *poster, int64_t grace_ms)
{
    pthread_mutex_lock(&poster->lock);
    poster->is_stopping = true;
    poster->stop_ms = clock_now_ms() + grace_ms;
    pthread_mutex_unlock(&poster->lock);
    transfers_wake(&poster->transfers);
    pthread_join(poster->thread, NULL);
    free_poster(poster);
}
