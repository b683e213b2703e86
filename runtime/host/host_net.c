#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/host/host_memory.h"
#include "runtime/host/host_net_internal.h"

#define RUNNING_MAX 8192
#define IDLE_DEFAULT 15.0
#define MAX_BODIES_DEFAULT (512 << 20)

/* An operation on its way to the thread. */
struct arrival {
    struct mpsc_node node;
    struct operation *operation;
};

int64_t net_now_ns(void)
{
    return (int64_t)uv_hrtime();
}

/* ---- from the loops ---- */

static void begin(struct operation_backend *backend, struct operation *operation)
{
    struct net *net = (struct net *)backend;
    struct arrival *arrival = memory_new(sizeof *arrival);
    arrival->operation = operation;
    if (mpsc_push(&net->mailbox, &arrival->node))
        uv_async_send(&net->wake);
}

/* Which one, says its own flag: the thread looks through those that it has. */
static void give_up(struct operation_backend *backend, struct operation *operation)
{
    struct net *net = (struct net *)backend;
    (void)operation;
    if (!atomic_exchange(&net->has_given_up, true))
        uv_async_send(&net->wake);
}

static void (*const kinds[OPERATION_KINDS])(struct net *, struct operation *) = {
    [OPERATION_FETCH] = net_begin_fetch,
    [OPERATION_TALK] = net_begin_talk,
};

static void begin_transfer(struct net *net, struct operation *operation)
{
    if (operation_is_given_up(operation))
        operation_complete(operation);
    else
        kinds[operation->kind](net, operation);
}

static void take_arrivals(struct net *net)
{
    struct mpsc_node *node = mpsc_take_all(&net->mailbox);
    while (node) {
        struct arrival *arrival = CONTAINER_OF(node, struct arrival, node);
        node = node->next;
        begin_transfer(net, arrival->operation);
        free(arrival);
    }
}

/* ---- the clock ---- */

static void clock_struck(uv_timer_t *timer)
{
    struct net *net = timer->data;
    net->armed_ns = INT64_MAX;
    net_fire_deadlines(net);
    net_settle(net);
}

/* libuv counts milliseconds from its own, cached now: round up, so that nothing is early. */
static void set_clock(struct net *net)
{
    int64_t due_ns = timer_next(&net->deadlines);
    if (due_ns == net->armed_ns)
        return;
    net->armed_ns = due_ns;
    if (due_ns == INT64_MAX) {
        uv_timer_stop(&net->clock);
        return;
    }
    uv_update_time(&net->uv);
    int64_t left_ns = due_ns - net_now_ns();
    uv_timer_start(&net->clock, clock_struck,
                   left_ns > 0 ? ((uint64_t)left_ns + 999999) / 1000000 : 0, 0);
}

/* Connections that nobody uses are closed after a while; libcurl itself would look at them only
 * when it needs one. */
static void close_idle(struct timer *timer)
{
    struct net *net = CONTAINER_OF(timer, struct net, idleness);
    net_multi_close(net);
    if (!net_multi_open(net))
        memory_need(NULL);
}

static void watch_idleness(struct net *net)
{
    bool is_used = !list_is_empty(&net->transfers) || !list_is_empty(&net->orphans);
    if (is_used)
        timer_disarm(&net->deadlines, &net->idleness);
    else if (net->idleness.state == TIMER_IDLE && net->is_used)
        timer_arm(&net->deadlines, &net->idleness, net_now_ns() + (int64_t)(net->idle * 1e9));
    net->is_used = is_used;
}

void net_settle(struct net *net)
{
    net_end_transfers(net);
    net_start_waiting(net);
    watch_idleness(net);
    set_clock(net);
}

/* ---- the thread ---- */

static void end(struct net *net)
{
    net_drop_all(net);
    net_multi_close(net);
    resolver_close(net->resolver);
    SSL_CTX_free(net->trust);
    uv_close((uv_handle_t *)&net->wake, NULL);
    uv_close((uv_handle_t *)&net->curl_timer, NULL);
    uv_close((uv_handle_t *)&net->clock, NULL);
}

static void woken(uv_async_t *wake)
{
    struct net *net = wake->data;
    bool is_stopping =
        atomic_load(&net->is_stopping); /* before what has arrived by then is taken */
    take_arrivals(net);
    resolver_take(net->resolver);
    if (atomic_exchange(&net->has_given_up, false))
        net_drop_given_up(net);
    if (is_stopping)
        end(net);
    else
        net_settle(net);
}

static void *run(void *context)
{
    struct net *net = context;
    uv_run(&net->uv, UV_RUN_DEFAULT);
    return NULL;
}

/* Signals are for the main thread. */
static int start_thread(struct net *net)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&net->thread, NULL, run, net);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(net->thread, "awaitd-net");
    return rc;
}

/* ---- life ---- */

/* A share of the descriptors that there may be: http.c raises the limit to its maximum. */
static size_t connections_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max / 3 > RUNNING_MAX)
        return RUNNING_MAX;
    return limit.rlim_max / 3 + 1;
}

static bool open_uv(struct net *net)
{
    if (uv_loop_init(&net->uv) < 0)
        return false;
    BUG_ON(uv_async_init(&net->uv, &net->wake, woken) < 0 ||
           uv_timer_init(&net->uv, &net->curl_timer) < 0 ||
           uv_timer_init(&net->uv, &net->clock) < 0);
    net->resolver = resolver_open(&net->wake);
    net->wake.data = net->curl_timer.data = net->clock.data = net;
    net->armed_ns = INT64_MAX;
    return true;
}

static void free_net(struct net *net)
{
    net_policy_release(&net->policy);
    timer_heap_release(&net->deadlines);
    free(net->user_agent);
    free(net);
}

static struct net *new_net(const struct net_options *options)
{
    struct net *net = memory_new_zeroed(1, sizeof *net);
    net->backend = (struct operation_backend){begin, give_up};
    net->policy = options->policy;
    net->user_agent = memory_text(options->user_agent);
    net->max_bodies = options->max_bodies ? options->max_bodies : MAX_BODIES_DEFAULT;
    net->idle = options->idle > 0 ? options->idle : IDLE_DEFAULT;
    net->trusted = getenv("SSL_CERT_FILE");
    net->max_running = connections_max();
    net->idleness.fire = close_idle;
    list_init(&net->transfers);
    list_init(&net->orphans);
    list_init(&net->waiting[0]);
    list_init(&net->waiting[1]);
    return net;
}

int net_start(struct net **out, const struct net_options *options, struct error *e)
{
    struct net *net = new_net(options);
    int failure = 0;
    if (!host_memory_for_curl() || !open_uv(net)) {
        free_net(net);
        return error_set(e, ERROR_SYSTEM, "the network thread does not start");
    }
    if (!net_multi_open(net) || (failure = start_thread(net)) != 0) {
        end(net);
        uv_run(&net->uv, UV_RUN_DEFAULT);
        uv_loop_close(&net->uv);
        free_net(net);
        return error_set(e, ERROR_SYSTEM, "the network thread does not start: %s",
                         strerror(failure ? failure : ENOMEM));
    }
    *out = net;
    return 0;
}

struct operation_backend *net_backend(struct net *net)
{
    return &net->backend;
}

const struct net_policy *net_get_policy(const struct net *net)
{
    return &net->policy;
}

void net_stop(struct net *net)
{
    atomic_store(&net->is_stopping, true);
    uv_async_send(&net->wake);
    pthread_join(net->thread, NULL);
    BUG_ON(uv_loop_close(&net->uv) < 0);
    free_net(net);
}
