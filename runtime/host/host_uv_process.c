/* Child processes: started, signalled and reaped by the spawner; their pipes are ours.
 *
 *   QUEUED ──► STARTED ──exits──► EXITED ──streams end, or grace──► OVER ──told──► (freed)
 *      ▲          │ resources are short
 *      └──────────┘
 *
 * What a child leaves behind is dead when its exit is told, and so its streams end. One that
 * somebody else still holds open is closed GRACE_NS later. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/host/host_uv_process.h"
#include "runtime/output.h"

#define GRACE_NS INT64_C(1000000000)
#define PAUSE_MS                                                                                   \
    10 /* after the first start that failed for want of resources; then twice that…              \
        */
#define PAUSE_MOST_MS 1000
#define STARTS_PER_ROUND 32

static int64_t now_ns(struct host_uv *host)
{
    return host->port.now_ns(&host->port);
}

static void move_to(struct list *list, struct child *child)
{
    list_remove(&child->link);
    list_append(list, &child->link);
}

/* ---- the end ---- */

static void end(struct child *child)
{
    if (child->state == CHILD_QUEUED)
        child->host->n_processes++;
    child->state = CHILD_OVER;
    list_remove(&child->closing);
    move_to(&child->host->over, child);
}

void child_end_if_over(struct child *child)
{
    if (child->state == CHILD_EXITED && child->out.fd < 0 && child->err.fd < 0)
        end(child);
}

void child_fail(struct child *child, int error, enum process_part part)
{
    if (child->process) {
        child->process->error = error;
        child->process->part = part;
    }
    child_drop_pipes(child);
    end(child);
}

static void tell(struct child *child)
{
    struct process *process;
    list_remove(&child->link);
    child->host->n_processes--;
    child_close_pipes(child);
    process = child->process;
    free(child);
    if (!process)
        return;
    output_finish(&process->out);
    output_finish(&process->err);
    process->ended(process);
}

void host_uv_tell_processes(struct host_uv *host)
{
    while (!list_is_empty(&host->refused)) {
        struct process_write *write = CONTAINER_OF(host->refused.next, struct process_write, link);
        list_remove(&write->link);
        write->done(write, EPIPE);
    }
    while (!list_is_empty(&host->over))
        tell(CONTAINER_OF(host->over.next, struct child, link));
}

/* ---- exits ---- */

static void grace_over(uv_timer_t *timer)
{
    struct host_uv *host = timer->data;
    int64_t time_ns = now_ns(host);
    while (!list_is_empty(&host->closing)) {
        struct child *child = CONTAINER_OF(host->closing.next, struct child, closing);
        if (child->grace_ns > time_ns) {
            uv_timer_start(timer, grace_over, (uint64_t)(child->grace_ns - time_ns) / 1000000 + 1,
                           0);
            break;
        }
        child_read_rest(child);
        child_drop_pipes(child);
        if (child->state != CHILD_OVER)
            end(child);
    }
    host_uv_has_news(host);
}

void child_exited(struct child *child, int exit_code)
{
    struct host_uv *host = child->host;
    if (child->process)
        child->process->exit_code = exit_code;
    child->state = CHILD_EXITED;
    child_close_input(child);
    if (host->holds_output)
        child_read_rest(child);
    child_end_if_over(child);
    if (child->state == CHILD_OVER)
        return;
    child->grace_ns = now_ns(host) + GRACE_NS;
    if (list_is_empty(&host->closing))
        uv_timer_start(&host->grace, grace_over, GRACE_NS / 1000000, 0);
    list_append(&host->closing, &child->closing);
}

/* ---- starts that have to wait ---- */

static void pause_over(uv_timer_t *timer)
{
    struct host_uv *host = timer->data;
    host->is_pausing = false;
    host_uv_has_news(host);
}

static void make_pause(struct host_uv *host)
{
    if (host->is_pausing)
        return;
    host->pause_ms = host->pause_ms ? 2 * host->pause_ms : PAUSE_MS;
    if (host->pause_ms > PAUSE_MOST_MS)
        host->pause_ms = PAUSE_MOST_MS;
    host->is_pausing = true;
    uv_timer_start(&host->pause, pause_over, (uint64_t)host->pause_ms, 0);
}

void host_uv_end_pause(struct host_uv *host)
{
    host->pause_ms = 0;
    host->is_pausing = false;
    uv_timer_stop(&host->pause);
}

void child_failed(struct child *child, int error, enum process_part part)
{
    struct host_uv *host = child->host;
    int64_t time_ns = now_ns(host);
    if (!child->patience_ns)
        child->patience_ns = time_ns + SPAWN_PATIENCE_NS;
    if (part != PROCESS_PROGRAM || !spawner_is_passing(error) || time_ns >= child->patience_ns ||
        !child->process) {
        child_fail(child, error, part);
        return;
    }
    child_drop_pipes(child);
    if (child->state == CHILD_STARTED)
        host->n_processes--;
    child->state = CHILD_QUEUED;
    list_remove(&child->link);
    list_prepend(&host->queued, &child->link);
    make_pause(host);
    if (child->signal) /* it is to end, and has not begun */
        host_uv_kill(&host->port, child->process, child->signal);
}

/* ---- the beginning ---- */

static void start(struct child *child)
{
    struct host_uv *host = child->host;
    int fds[3] = {-1, -1, -1};
    int status = child_make_pipes(child, fds);
    bool has_pipes = status == 0;
    if (has_pipes)
        status = child_send_start(child, fds);
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (status == 0) {
        child->state = CHILD_STARTED;
        host->n_processes++;
        move_to(&host->processes, child);
    } else if (has_pipes && status == -EAGAIN) {
        child_drop_pipes(child);
        host_uv_set_full(host, true);
    } else {
        child_failed(child, -status, status == -EPIPE ? PROCESS_SPAWNER : PROCESS_PROGRAM);
    }
}

bool host_uv_start_processes(struct host_uv *host)
{
    for (int n = 0; n < STARTS_PER_ROUND && host_uv_may_start(host); n++) {
        struct child *child = CONTAINER_OF(host->queued.next, struct child, link);
        if (host->channel < 0)
            child_fail(child, EPIPE, PROCESS_SPAWNER);
        else
            start(child);
    }
    return host_uv_may_start(host) || !list_is_empty(&host->over) || !list_is_empty(&host->refused);
}

/* ---- the port ---- */

void host_uv_spawn(struct host *port, struct process *process)
{
    struct host_uv *host = (struct host_uv *)port;
    struct child *child = memory_new_zeroed(1, sizeof *child);
    child->host = host;
    child->process = process;
    child->out.fd = child->err.fd = child->input.end.fd = -1;
    list_init(&child->input.writes);
    list_init(&child->closing);
    process->host = child;
    list_append(&host->queued, &child->link);
}

/* What a program does that has not said otherwise. */
static bool ends_program(int signal)
{
    switch (signal) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        return false;
    default:
        return true;
    }
}

/* One that is not started yet ends as if the signal had come at its first breath. */
void host_uv_kill(struct host *port, struct process *process, int signal)
{
    struct child *child = process->host;
    (void)port;
    if (child->state == CHILD_QUEUED && ends_program(signal)) {
        process->exit_code = -signal;
        end(child);
    } else if (child->state == CHILD_STARTED && signal > 0 && signal <= 64) {
        child->signal = ends_program(signal) ? signal : child->signal;
        child->unsent |= UINT64_C(1) << (signal - 1);
        if (!child->host->is_full)
            child_send_signals(child);
    }
}

void host_uv_abandon(struct host *port, struct process *process)
{
    struct child *child = process->host;
    host_uv_kill(port, process, SIGKILL);
    child->process = NULL;
    child_close_pipes(child);
    child_end_if_over(child);
}

void host_uv_write(struct host *port, struct process *process, struct process_write *write)
{
    struct child *child = process->host;
    (void)port;
    write->written = 0;
    if (child->input.is_over || child->input.is_ending || child->state == CHILD_OVER) {
        list_append(&child->host->refused, &write->link);
        return;
    }
    list_append(&child->input.writes, &write->link);
    child_feed(child);
}

void host_uv_close_input(struct host *port, struct process *process)
{
    struct child *child = process->host;
    (void)port;
    child->input.is_ending = true;
    child_feed(child);
}

/* ---- all of them, for the drain ---- */

size_t host_uv_count_processes(const struct host_uv *host)
{
    return host->n_processes;
}

void host_uv_signal_processes(struct host_uv *host, int signal)
{
    for (struct list *l = host->processes.next; l != &host->processes; l = l->next) {
        struct child *child = CONTAINER_OF(l, struct child, link);
        if (child->process)
            host_uv_kill(&host->port, child->process, signal);
    }
}
