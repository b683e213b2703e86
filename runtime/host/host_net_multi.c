/* libcurl's multi interface on libuv: it says which sockets it waits for, and for how long. */
#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/host/host_net_internal.h"

/* A socket that libcurl waits for. */
struct watch {
    uv_poll_t poll;
    struct net *net;
    curl_socket_t fd;
    int events;
};

static void act(struct net *net, curl_socket_t fd, int flags)
{
    int n;
    curl_multi_socket_action(net->multi, fd, flags, &n);
    net_settle(net);
}

/* An error of the socket is found out by reading from it, and so has its own name. libuv stops
 * looking then, though libcurl may not be through with it. */
static void polled(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data; /* may go away below */
    int flags = status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    if (status < 0)
        uv_poll_start(poll, watch->events, polled);
    act(watch->net, watch->fd, flags);
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *new_watch(struct net *net, curl_socket_t fd)
{
    struct watch *watch = memory_new_zeroed(1, sizeof *watch);
    watch->net = net;
    watch->fd = fd;
    watch->poll.data = watch;
    BUG_ON(uv_poll_init_socket(&net->uv, &watch->poll, fd) < 0);
    curl_multi_assign(net->multi, fd, watch);
    return watch;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
    struct net *net = context;
    struct watch *watch = assigned;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    (void)easy;
    if (what != CURL_POLL_REMOVE) {
        watch = watch ? watch : new_watch(net, fd);
        watch->events = events;
        uv_poll_start(&watch->poll, events, polled);
    } else if (watch) {
        curl_multi_assign(net->multi, fd, NULL);
        uv_close((uv_handle_t *)&watch->poll, free_watch);
    }
    return 0;
}

static void timer_struck(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *context)
{
    struct net *net = context;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&net->curl_timer);
    else
        uv_timer_start(&net->curl_timer, timer_struck, (uint64_t)ms, 0);
    return 0;
}

#define SET(option, value) (curl_multi_setopt(net->multi, CURLMOPT_##option, value) == CURLM_OK)

/* MAXCONNECTS counts also those that are in use. */
bool net_multi_open(struct net *net)
{
    net->multi = curl_multi_init();
    return net->multi && SET(SOCKETFUNCTION, watch_socket) && SET(SOCKETDATA, net) &&
           SET(TIMERFUNCTION, set_timer) && SET(TIMERDATA, net) &&
           SET(MAXCONNECTS, (long)net->max_running);
}

void net_multi_close(struct net *net)
{
    curl_multi_cleanup(net->multi);
    net->multi = NULL;
}
