#include "server/lane.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/reserve.h"
#include "server/request.h"

/* Few enough that the store is at work on the first while the last are still being read. */
#define SUBMIT_TOGETHER 16

static void ring(struct lane *lane)
{
    const uint64_t one = 1;
    if (write(lane->bell, &one, sizeof(one)) < 0)
        BUG_ON(errno != EAGAIN); /* full: it rings already */
}

void lane_wake(struct lane *lane, struct mpsc_node *request)
{
    if (mpsc_push(&lane->woken, request))
        ring(lane);
}

static void submit_asked(struct lane *lane)
{
    struct mpsc_node *node = chain_take_all(&lane->asked);
    lane->n_asked = 0;
    while (node) {
        struct request *request = CONTAINER_OF(node, struct request, woken);
        node = node->next; /* first: the request may be woken before the call returns */
        runtime_submit(lane->server->runtime, &request->submission);
        server_asked(lane->server);
    }
}

void lane_submit(struct lane *lane, struct mpsc_node *request)
{
    chain_add(&lane->asked, request);
    if (++lane->n_asked == SUBMIT_TOGETHER)
        submit_asked(lane);
}

static void resume_woken(struct lane *lane)
{
    struct mpsc_node *node = mpsc_take_all(&lane->woken);
    while (node) {
        struct request *request = CONTAINER_OF(node, struct request, woken);
        node = node->next;
        MHD_resume_connection(request->connection);
    }
}

/* How long libmicrohttpd has nothing to do, unless something happens: milliseconds, -1 for ever. */
static int idle_time(struct lane *lane)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(lane->daemon, &ms) != MHD_YES)
        return -1;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void wait_for_something(struct lane *lane, int epoll_fd)
{
    struct pollfd fds[] = {{.fd = epoll_fd, .events = POLLIN},
                           {.fd = lane->bell, .events = POLLIN}};
    int timeout_ms = idle_time(lane);
    if (timeout_ms == 0 || poll(fds, 2, timeout_ms) <= 0)
        return;
    uint64_t rings;
    if (fds[1].revents && read(lane->bell, &rings, sizeof(rings)) < 0)
        BUG_ON(errno != EAGAIN);
}

static void *lane_run(void *argument)
{
    struct lane *lane = argument;
    reserve_use(RESERVE_NONE); /* what finds no memory here is answered with 503 */
    int epoll_fd = MHD_get_daemon_info(lane->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    for (bool is_quiesced = false;;) {
        int wish = lane->wish;
        if (wish != LANE_SERVE && !is_quiesced) {
            MHD_quiesce_daemon(
                lane->daemon); /* else it would close the socket, which is not its own */
            is_quiesced = true;
        }
        if (wish == LANE_END)
            return NULL;
        wait_for_something(lane, epoll_fd);
        resume_woken(lane);
        MHD_run(lane->daemon);
        submit_asked(lane);
    }
}

int lane_start(struct lane *lane, struct error *e)
{
    chain_init(&lane->asked);
    lane->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lane->bell < 0)
        return error_set(e, ERROR_SYSTEM, "cannot start the HTTP thread: %s", strerror(errno));
    int failure = pthread_create(&lane->thread, NULL, lane_run, lane);
    if (failure) {
        close(lane->bell);
        return error_set(e, ERROR_SYSTEM, "cannot start the HTTP thread: %s", strerror(failure));
    }
    pthread_setname_np(lane->thread, "awaitd-http");
    return 0;
}

void lane_quiesce(struct lane *lane)
{
    lane->wish = LANE_QUIESCE;
    ring(lane);
}

void lane_stop(struct lane *lane)
{
    lane->wish = LANE_END;
    ring(lane);
    pthread_join(lane->thread, NULL);
}

void lane_release(struct lane *lane)
{
    close(lane->bell);
}

uint64_t lane_random(struct lane *lane)
{
    uint64_t bits;
    if (lane->chance_left < sizeof(bits)) {
        ssize_t n = getrandom(lane->chance, sizeof(lane->chance), 0);
        BUG_ON(n < (ssize_t)sizeof(bits)); /* up to 256 bytes it never fails once it is seeded */
        lane->chance_left = (size_t)n;
    }
    lane->chance_left -= sizeof(bits);
    memcpy(&bits, lane->chance + lane->chance_left, sizeof(bits));
    return bits;
}
