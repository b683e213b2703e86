#include "server/hangup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/runtime.h"

#define TICK_MS 1000
#define CHUNK 512 /* peers that are looked at under one hold of the lock */
#define LINGERING_MAX 64

struct hangup {
    struct runtime *runtime;
    pthread_t thread;
    pthread_mutex_t lock;
    int bell; /* eventfd: something lingers, or the end */
    atomic_bool is_stopping;
    /* under the lock */
    struct peer **peers;
    size_t n, capacity;
    size_t n_lingering;
    struct lingering {
        int fd;
        int64_t until_ms;
    } lingering[LINGERING_MAX];
};

/* ---- peers ---- */

struct peer *peer_new(struct hangup *hangup, int fd)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return NULL;
    peer->hangup = hangup;
    peer->fd = fd;
    peer_begin(peer, PEER_HEAD_S);
    pthread_mutex_lock(&hangup->lock);
    if (hangup->n == hangup->capacity) {
        size_t capacity = hangup->capacity ? hangup->capacity * 2 : 64;
        struct peer **peers = realloc(hangup->peers, capacity * sizeof(*peers));
        hangup->peers = peers ? peers : hangup->peers;
        hangup->capacity = peers ? capacity : hangup->capacity;
    }
    bool has_room = hangup->n < hangup->capacity;
    if (has_room) {
        peer->slot = hangup->n++;
        hangup->peers[peer->slot] = peer;
    }
    pthread_mutex_unlock(&hangup->lock);
    if (has_room)
        return peer;
    free(peer);
    return NULL;
}

static void ring(struct hangup *hangup)
{
    uint64_t one = 1;
    if (write(hangup->bell, &one, sizeof(one)) < 0)
        BUG_ON(errno != EAGAIN); /* full: it rings already */
}

/* Keeps the socket beyond the connection: what the client still sends would otherwise be answered
 * with a reset, which takes the answer away that is on its way to him. */
static void linger(struct hangup *hangup, int socket)
{
    if (hangup->n_lingering == LINGERING_MAX)
        return;
    int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return;
    shutdown(fd, SHUT_WR);
    hangup->lingering[hangup->n_lingering++] =
        (struct lingering){fd, clock_now_ms() + PEER_LINGER_S * 1000};
    ring(hangup);
}

void peer_free(struct peer *peer)
{
    struct hangup *hangup = peer->hangup;
    pthread_mutex_lock(&hangup->lock);
    if (peer->must_linger)
        linger(hangup, peer->fd);
    struct peer *last = hangup->peers[--hangup->n];
    hangup->peers[peer->slot] = last;
    last->slot = peer->slot;
    pthread_mutex_unlock(&hangup->lock);
    free(peer);
}

void peer_begin(struct peer *peer, int seconds)
{
    peer->since_ms = clock_now_ms();
    peer->deadline_ms = seconds ? peer->since_ms + seconds * 1000LL : 0;
}

void peer_moved(struct peer *peer, int seconds, size_t bytes)
{
    peer->deadline_ms = peer->since_ms + seconds * 1000LL + (int64_t)(bytes / PEER_FLOOR) * 1000;
}

void peer_wait_begin(struct peer *peer, const struct id *id, uint64_t ticket)
{
    pthread_mutex_lock(&peer->hangup->lock);
    peer->id = *id;
    peer->ticket = ticket;
    pthread_mutex_unlock(&peer->hangup->lock);
}

void peer_wait_end(struct peer *peer)
{
    pthread_mutex_lock(&peer->hangup->lock);
    peer->ticket = 0;
    pthread_mutex_unlock(&peer->hangup->lock);
}

/* ---- the thread ---- */

/* Those of peers[from, to) that wait, and whose client has left, give up. */
static void end_lost_waits(struct hangup *hangup, size_t from, size_t to)
{
    struct pollfd fds[CHUNK];
    struct peer *waiting[CHUNK];
    nfds_t n = 0;
    for (size_t i = from; i < to; i++)
        if (hangup->peers[i]->ticket != 0) {
            waiting[n] = hangup->peers[i];
            fds[n++] = (struct pollfd){.fd = hangup->peers[i]->fd, .events = POLLRDHUP};
        }
    if (n == 0 || poll(fds, n, 0) <= 0)
        return;
    for (nfds_t i = 0; i < n; i++)
        if (fds[i].revents & (POLLRDHUP | POLLHUP | POLLERR))
            runtime_give_up(hangup->runtime, &waiting[i]->id, waiting[i]->ticket);
}

/* libmicrohttpd sees the end of the stream and closes. */
static void end_slow_ones(struct hangup *hangup, size_t from, size_t to, int64_t now)
{
    for (size_t i = from; i < to; i++) {
        struct peer *peer = hangup->peers[i];
        if (peer->deadline_ms == 0 || now < peer->deadline_ms)
            continue;
        log_line(LOG_DEBUG, "a connection took too long and is closed");
        shutdown(peer->fd, SHUT_RDWR);
        peer->deadline_ms = 0;
    }
}

static void look_at_peers(struct hangup *hangup)
{
    for (size_t from = 0;; from += CHUNK) {
        pthread_mutex_lock(&hangup->lock);
        size_t n = hangup->n, to = from + CHUNK < n ? from + CHUNK : n;
        if (from < n) {
            end_lost_waits(hangup, from, to);
            end_slow_ones(hangup, from, to, clock_now_ms());
        }
        pthread_mutex_unlock(&hangup->lock);
        if (from + CHUNK >= n)
            return;
    }
}

/* Reads and drops. False when there is nothing more to come, or nobody left to wait for. */
static bool still_sends(const struct lingering *one, int64_t now)
{
    char dropped[16384];
    ssize_t n = 0;
    for (int i = 0; i < 64 && (n = recv(one->fd, dropped, sizeof(dropped), MSG_DONTWAIT)) > 0; i++)
        continue;
    return now < one->until_ms && (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
}

/* Waits for the bell, for something to drop, or for the time. */
static void wait_a_tick(struct hangup *hangup, int timeout_ms)
{
    struct pollfd fds[LINGERING_MAX + 1] = {{.fd = hangup->bell, .events = POLLIN}};
    pthread_mutex_lock(&hangup->lock);
    size_t n = hangup->n_lingering;
    for (size_t i = 0; i < n; i++)
        fds[i + 1] = (struct pollfd){.fd = hangup->lingering[i].fd, .events = POLLIN};
    pthread_mutex_unlock(&hangup->lock);
    if (poll(fds, n + 1, timeout_ms) < 0)
        return;
    uint64_t rings;
    if ((fds[0].revents & POLLIN) && read(hangup->bell, &rings, sizeof(rings)) < 0)
        BUG_ON(errno != EAGAIN);
}

static void drop_what_lingers(struct hangup *hangup)
{
    int64_t now = clock_now_ms();
    pthread_mutex_lock(&hangup->lock);
    for (size_t i = 0; i < hangup->n_lingering;) {
        if (!hangup->is_stopping && still_sends(&hangup->lingering[i], now)) {
            i++;
            continue;
        }
        close(hangup->lingering[i].fd);
        hangup->lingering[i] = hangup->lingering[--hangup->n_lingering];
    }
    pthread_mutex_unlock(&hangup->lock);
}

static void *hangup_run(void *argument)
{
    struct hangup *hangup = argument;
    int64_t next = clock_now_ms() + TICK_MS;
    while (!hangup->is_stopping) {
        int64_t left = next - clock_now_ms();
        if (left <= 0) {
            look_at_peers(hangup);
            next = clock_now_ms() + TICK_MS;
            left = TICK_MS;
        }
        wait_a_tick(hangup, (int)left);
        drop_what_lingers(hangup);
    }
    return NULL;
}

int hangup_start(struct hangup **out, struct runtime *runtime, struct error *e)
{
    struct hangup *hangup = calloc(1, sizeof(*hangup));
    if (!hangup)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    hangup->runtime = runtime;
    hangup->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&hangup->lock, NULL);
    int failure = hangup->bell < 0 ? errno : 0;
    if (!failure)
        failure = pthread_create(&hangup->thread, NULL, hangup_run, hangup);
    if (failure) {
        if (hangup->bell >= 0)
            close(hangup->bell);
        free(hangup);
        return error_set(e, ERROR_SYSTEM, "cannot watch connections: %s", strerror(failure));
    }
    *out = hangup;
    return 0;
}

void hangup_stop(struct hangup *hangup)
{
    hangup->is_stopping = true;
    ring(hangup);
    pthread_join(hangup->thread, NULL);
    BUG_ON(hangup->n > 0);
    drop_what_lingers(hangup);
    close(hangup->bell);
    pthread_mutex_destroy(&hangup->lock);
    free(hangup->peers);
    free(hangup);
}
