#include "runtime/spawner/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/base/clock.h"
#include "runtime/spawner/spawner_process.h"
#include "runtime/spawner/spawner_protocol.h"
#include "runtime/spawner/spawner_sweep.h"

#define STOP_MS 2000 /* for what is killed to be gone */

struct spawner {
    int control;
    pid_t pid;
    pthread_mutex_t mutex;
    bool is_buried;
};

/* ---- life ---- */

static int fork_process(struct spawner *spawner)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    spawner->pid = fork();
    if (spawner->pid == 0) {
        close(ends[0]);
        spawner_process(ends[1]);
    }
    int error = errno;
    close(ends[1]);
    spawner->control = ends[0];
    if (spawner->pid > 0)
        return 0;
    close(ends[0]);
    return -error;
}

/* Should the spawner die, what it has started becomes ours: spawner_bury. */
int spawner_start(struct spawner **out, struct error *e)
{
    struct spawner *spawner = calloc(1, sizeof *spawner);
    if (!spawner)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    int status = fork_process(spawner);
    if (status < 0) {
        free(spawner);
        return error_set(e, ERROR_SYSTEM, "cannot start the spawner of processes: %s",
                         strerror(-status));
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pthread_mutex_init(&spawner->mutex, NULL);
    *out = spawner;
    return 0;
}

bool spawner_is_alive(struct spawner *spawner)
{
    struct pollfd control = {spawner->control, POLLIN, 0}; /* it never sends anything there */
    return poll(&control, 1, 0) == 0;
}

void spawner_stop(struct spawner *spawner)
{
    if (!spawner)
        return;
    struct pollfd control = {spawner->control, POLLIN, 0};
    shutdown(spawner->control, SHUT_WR);
    if (poll(&control, 1, STOP_MS) > 0 && !spawner->is_buried)
        waitpid(spawner->pid, NULL, 0);
    close(spawner->control);
    pthread_mutex_destroy(&spawner->mutex);
    free(spawner);
}

/* ---- its death ---- */

static bool is_known(void *context, pid_t pid)
{
    (void)context;
    (void)pid;
    return false;
}

/* The spawner's children have become ours, and we have no others: until none is left. */
static void *kill_children(void *context)
{
    siginfo_t info;
    struct sweep sweep;
    (void)context;
    sweep_init(&sweep);
    do {
        while (info.si_pid = 0, waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid)
            ;
        sweep_children(&sweep, is_known, NULL);
    } while (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0 || errno == EINTR);
    sweep_release(&sweep);
    return NULL;
}

void spawner_bury(struct spawner *spawner)
{
    pthread_t thread;
    pthread_mutex_lock(&spawner->mutex);
    bool is_first = !spawner->is_buried;
    spawner->is_buried = true;
    pthread_mutex_unlock(&spawner->mutex);
    if (!is_first)
        return;
    log_line(LOG_ERROR, "the process that starts others is gone: no program can be run until the "
                        "server is started again");
    if (pthread_create(&thread, NULL, kill_children, NULL) == 0)
        pthread_detach(thread);
}

/* ---- channels ---- */

int spawner_keep(struct spawner *spawner, int fd)
{
    const struct packet_header header = {.verb = PACKET_KEEP};
    return packet_send(spawner->control, &header, NULL, &fd, 1);
}

int spawner_open_channel(struct spawner *spawner)
{
    const struct packet_header header = {.verb = PACKET_CHANNEL};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int status = packet_send(spawner->control, &header, NULL, &ends[1], 1);
    close(ends[1]);
    if (status == 0)
        return ends[0];
    close(ends[0]);
    return status;
}

int spawner_send_start(int channel, const struct spawn_request *request)
{
    return packet_send_start(channel, request);
}

int spawner_send_signal(int channel, uint64_t id, int signal)
{
    const struct packet_header header = {.verb = PACKET_SIGNAL, .id = id, .signal = signal};
    return packet_send(channel, &header, NULL, NULL, 0);
}

int spawner_receive(int channel, struct spawn_report reports[SPAWN_REPORTS_MAX])
{
    struct packet_header header;
    struct iovec parts[2] = {{&header, sizeof header},
                             {reports, SPAWN_REPORTS_MAX * sizeof *reports}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t size;
    while ((size = recvmsg(channel, &message, 0)) < 0 && errno == EINTR)
        ;
    if (size <= 0)
        return size == 0 || errno == ECONNRESET ? 0 : -errno;
    return (int)header.n_reports;
}

bool spawner_is_passing(int error)
{
    return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE ||
           error == ENOBUFS || error == ETOOMANYREFS;
}

/* ---- for a thread that waits ---- */

/* The next report about the child; those of children that are no more are passed over. 1, 0 when
 * the time is over, -EPIPE. */
static int next_report(int channel, uint64_t id, int64_t until_ns, struct spawn_report *out)
{
    struct spawn_report reports[SPAWN_REPORTS_MAX];
    for (;;) {
        int64_t left_ns = until_ns == INT64_MAX ? -1 : until_ns - clock_now_ns();
        struct pollfd poll_fd = {channel, POLLIN, 0};
        int ready = poll(&poll_fd, 1,
                         until_ns == INT64_MAX ? -1
                         : left_ns > 0         ? (int)(left_ns / 1000000 + 1)
                                               : 0);
        if (ready == 0)
            return 0;
        if (ready < 0)
            continue;
        int n = spawner_receive(channel, reports);
        if (n <= 0)
            return -EPIPE;
        for (int i = 0; i < n; i++)
            if (reports[i].id == id) {
                *out = reports[i];
                return 1;
            }
    }
}

static int run_once(int channel, const struct spawn_request *request)
{
    struct spawn_report report;
    int status = spawner_send_start(channel, request);
    if (status == 0 && next_report(channel, request->id, INT64_MAX, &report) < 0)
        status = -EPIPE;
    if (status == 0 && report.event == SPAWN_FAILED)
        status = -report.value;
    return status;
}

int spawner_run(int channel, struct spawn_request *request)
{
    int64_t until_ns = clock_now_ns() + SPAWN_PATIENCE_NS;
    int status;
    request->tells_start = true;
    for (long pause_ms = 10;; pause_ms = pause_ms < 500 ? 2 * pause_ms : 1000) {
        status = run_once(channel, request);
        if (!spawner_is_passing(-status) || clock_now_ns() >= until_ns)
            return status;
        nanosleep(&(struct timespec){pause_ms / 1000, pause_ms % 1000 * 1000000}, NULL);
    }
}

int spawner_wait(int channel, uint64_t id, int timeout_ms, int *status)
{
    struct spawn_report report;
    int64_t until_ns = timeout_ms < 0 ? INT64_MAX : clock_now_ns() + timeout_ms * INT64_C(1000000);
    int found = next_report(channel, id, until_ns, &report);
    if (found == 1)
        *status = report.value;
    return found;
}
