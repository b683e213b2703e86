#include "runtime/host/host_uv.h"

#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "runtime/host/host_uv_internal.h"
#include "runtime/services.h"
#include "schema/allocate.h"

static int64_t host_now_ns(struct host *host)
{
    (void)host;
    return (int64_t)uv_hrtime();
}

static int64_t host_wall_us(struct host *host)
{
    (void)host;
    return clock_wall_us();
}

static double host_chance(struct host *host)
{
    (void)host;
    return (double)arc4random() / 4294967296.0;
}

static void woken(uv_async_t *async)
{
    (void)async; /* that uv_run returns is all it is for */
}

/* libuv runs timers before it polls as well; without this it would then block, though there is
 * something to do. */
void host_uv_has_news(struct host_uv *host)
{
    uv_stop(&host->uv);
}

static void timed_out(uv_timer_t *timer)
{
    struct host_uv *host = timer->data;
    host->armed_ns = INT64_MAX;
    host_uv_has_news(host);
}

/* ---- lag: how long it is away from its events ---- */

static void about_to_look(uv_prepare_t *prepare)
{
    struct host_uv *host = prepare->data;
    int64_t now_ns = host_now_ns(&host->port);
    if (host->checked_ns)
        lag_add(&host->lag, now_ns, now_ns - host->checked_ns);
    host->checked_ns = 0;
}

static void has_looked(uv_check_t *check)
{
    struct host_uv *host = check->data;
    host->checked_ns = host_now_ns(&host->port);
}

static void watch_lag(struct host_uv *host)
{
    lag_start(&host->lag, host_now_ns(&host->port));
    uv_prepare_init(&host->uv, &host->prepare);
    uv_check_init(&host->uv, &host->check);
    host->prepare.data = host->check.data = host;
    uv_prepare_start(&host->prepare, about_to_look);
    uv_check_start(&host->check, has_looked);
}

const struct lag *host_uv_lag(const struct host_uv *host)
{
    return &host->lag;
}

int host_uv_open(struct host_uv **out, const struct services *services, struct error *e)
{
    struct host_uv *host = allocate_zeroed(1, sizeof *host);
    if (!host)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    int status = uv_loop_init(&host->uv);
    if (status < 0) {
        free(host);
        return error_set(e, ERROR_SYSTEM, "cannot make an event loop: %s", uv_strerror(status));
    }
    host->backends = services->backends;
    host->port = (struct host){.now_ns = host_now_ns,
                               .wall_us = host_wall_us,
                               .chance = host_chance,
                               .spawn = host_uv_spawn,
                               .kill = host_uv_kill,
                               .abandon = host_uv_abandon,
                               .write = host_uv_write,
                               .close_input = host_uv_close_input,
                               .begin = host_uv_begin,
                               .give_up = host_uv_give_up};
    status = host_uv_processes_open(host, services->spawner, e);
    if (status < 0) {
        uv_loop_close(&host->uv);
        free(host);
        return status;
    }
    status = uv_async_init(&host->uv, &host->wake, woken);
    BUG_ON(status < 0 || uv_timer_init(&host->uv, &host->timer) < 0);
    host->timer.data = host;
    host->armed_ns = INT64_MAX;
    host_uv_operations_open(host);
    watch_lag(host);
    *out = host;
    return 0;
}

struct host *host_uv_port(struct host_uv *host)
{
    return &host->port;
}

void host_uv_wake(struct host_uv *host)
{
    uv_async_send(&host->wake);
}

/* libuv counts milliseconds from its own, cached now: round up, so that nothing is early. */
static void arm(struct host_uv *host, int64_t due_ns)
{
    if (due_ns == host->armed_ns)
        return;
    host->armed_ns = due_ns;
    if (due_ns == INT64_MAX) {
        uv_timer_stop(&host->timer);
        return;
    }
    uv_update_time(&host->uv);
    int64_t left_ns = due_ns - host_now_ns(&host->port);
    uint64_t left_ms = left_ns > 0 ? (uint64_t)(left_ns + 999999) / 1000000 : 0;
    uv_timer_start(&host->timer, timed_out, left_ms, 0);
}

void host_uv_wait(struct host_uv *host, int64_t due_ns)
{
    if (host_uv_start_processes(host))
        due_ns = 0;
    if (due_ns > 0)
        arm(host, due_ns);
    uv_run(&host->uv, due_ns > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    host_uv_tell_processes(host);
    host_uv_take_answers(host);
}

void host_uv_hold(struct host_uv *host)
{
    host->is_holding = true;
}

void host_uv_close(struct host_uv *host)
{
    host_uv_operations_close(host);
    host_uv_processes_close(host);
    uv_close((uv_handle_t *)&host->wake, NULL);
    uv_close((uv_handle_t *)&host->timer, NULL);
    uv_close((uv_handle_t *)&host->prepare, NULL);
    uv_close((uv_handle_t *)&host->check, NULL);
    uv_run(&host->uv, UV_RUN_DEFAULT);
    uv_loop_close(&host->uv);
    host_uv_processes_release(host);
    free(host);
}
