/* A host's channel to the spawner: starts and signals go out, failures and exits come in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/host/host_uv_environment.h"
#include "runtime/host/host_uv_process.h"

#define RECEIPTS_PER_ROUND 4

/* ---- what comes in ---- */

static void lose_spawner(struct host_uv *host)
{
    uv_poll_stop(&host->channel_poll);
    close(host->channel);
    host->channel = -1;
    host->is_full = false;
    spawner_bury(host->spawner);
    for (struct list *l = host->processes.next, *next; l != &host->processes; l = next) {
        struct child *child = CONTAINER_OF(l, struct child, link);
        next = l->next;
        if (child->state == CHILD_STARTED)
            child_fail(child, EPIPE, PROCESS_SPAWNER);
    }
}

static void handle_report(struct host_uv *host, const struct spawn_report *report)
{
    struct child *child = (struct child *)(uintptr_t)report->id;
    if (report->event == SPAWN_STARTED) {
        child_open_input(child);
    } else if (report->event == SPAWN_EXITED) {
        host_uv_end_pause(host);
        child_exited(child, report->value);
    } else if (report->event == SPAWN_FAILED) {
        child_failed(child, report->value, report->part);
    }
}

static void receive(struct host_uv *host)
{
    struct spawn_report reports[SPAWN_REPORTS_MAX];
    for (int i = 0; i < RECEIPTS_PER_ROUND; i++) {
        int n = spawner_receive(host->channel, reports);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            lose_spawner(host);
            return;
        }
        for (int k = 0; k < n; k++)
            handle_report(host, &reports[k]);
    }
}

/* ---- what goes out ---- */

static void channel_ready(uv_poll_t *poll, int status, int events);

void host_uv_set_full(struct host_uv *host, bool is_full)
{
    if (host->is_full != is_full)
        uv_poll_start(&host->channel_poll, UV_READABLE | (is_full ? UV_WRITABLE : 0),
                      channel_ready);
    host->is_full = is_full;
}

void child_send_signals(struct child *child)
{
    struct host_uv *host = child->host;
    for (int signal = 1; child->unsent && signal <= 64; signal++) {
        uint64_t bit = UINT64_C(1) << (signal - 1);
        if (!(child->unsent & bit))
            continue;
        if (spawner_send_signal(host->channel, (uintptr_t)child, signal) == -EAGAIN) {
            host_uv_set_full(host, true);
            return;
        }
        child->unsent &= ~bit;
    }
}

static void channel_ready(uv_poll_t *poll, int status, int events)
{
    struct host_uv *host = poll->data;
    if (events & UV_WRITABLE) {
        host_uv_set_full(host, false);
        struct list *l = host->processes.next;
        for (; l != &host->processes && !host->is_full; l = l->next)
            child_send_signals(CONTAINER_OF(l, struct child, link));
    }
    if (events & UV_READABLE || status < 0)
        receive(host);
}

static void pipes_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    host_uv_serve_pipes(poll->data);
}

void host_uv_hold_output(struct host_uv *host, bool is_held)
{
    if (host->holds_output == is_held)
        return;
    host->holds_output = is_held;
    if (is_held)
        uv_poll_stop(&host->pipes_poll);
    else
        uv_poll_start(&host->pipes_poll, UV_READABLE, pipes_ready);
}

/* ---- a start ---- */

int child_send_start(struct child *child, const int fds[3])
{
    const struct process *process = child->process;
    char **environment = environment_new(process->env, process->inherit_env);
    const struct spawn_request request = {.id = (uintptr_t)child,
                                          .argv = process->argv,
                                          .env = (const char *const *)environment,
                                          .cwd = process->cwd,
                                          .fds = {fds[0], fds[1], fds[2], -1},
                                          .limits = process->limits,
                                          .tells_start = fds[0] >= 0};
    int status = spawner_send_start(child->host->channel, &request);
    free(environment);
    return status;
}

/* ---- life ---- */

int host_uv_processes_open(struct host_uv *host, struct spawner *spawner, struct error *e)
{
    list_init(&host->queued);
    list_init(&host->processes);
    list_init(&host->closing);
    list_init(&host->over);
    list_init(&host->refused);
    host->spawner = spawner;
    host->channel = spawner ? spawner_open_channel(spawner) : -1;
    host->pipes = epoll_create1(EPOLL_CLOEXEC);
    if ((spawner && host->channel < 0) || host->pipes < 0) {
        int error = host->pipes < 0 ? errno : -host->channel;
        host_uv_processes_release(host);
        return error_set(e, ERROR_SYSTEM, "cannot reach the spawner of processes: %s",
                         strerror(error));
    }
    uv_timer_init(&host->uv, &host->grace);
    uv_timer_init(&host->uv, &host->pause);
    uv_poll_init(&host->uv, &host->pipes_poll, host->pipes);
    host->grace.data = host->pause.data = host->pipes_poll.data = host->channel_poll.data = host;
    uv_poll_start(&host->pipes_poll, UV_READABLE, pipes_ready);
    if (spawner) {
        uv_poll_init(&host->uv, &host->channel_poll, host->channel);
        uv_poll_start(&host->channel_poll, UV_READABLE, channel_ready);
    }
    return 0;
}

void host_uv_processes_close(struct host_uv *host)
{
    uv_close((uv_handle_t *)&host->grace, NULL);
    uv_close((uv_handle_t *)&host->pause, NULL);
    uv_close((uv_handle_t *)&host->pipes_poll, NULL);
    if (host->spawner)
        uv_close((uv_handle_t *)&host->channel_poll, NULL);
}

static void free_children(struct list *list)
{
    while (!list_is_empty(list)) {
        struct child *child = CONTAINER_OF(list->next, struct child, link);
        list_remove(&child->link);
        child_close_pipes(child);
        free(child);
    }
}

void host_uv_processes_release(struct host_uv *host)
{
    free_children(&host->queued);
    free_children(&host->processes);
    free_children(&host->over);
    if (host->pipes >= 0)
        close(host->pipes);
    if (host->channel >= 0)
        close(host->channel); /* the spawner kills what is left of ours */
}
