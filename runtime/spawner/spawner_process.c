/* The spawner: one thread that waits for packets and for the ends of children.
 *
 *   started ──exits──► reaped ──nothing is left below it──► told
 *
 * A *leader* is a child that was asked for. When one exits, what it leaves behind becomes our
 * child, and is killed; its exit is told when that is gone, too. */
#include "runtime/spawner/spawner_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "runtime/base/list.h"
#include "runtime/base/memory.h"
#include "runtime/spawner/spawner_child.h"
#include "runtime/spawner/spawner_protocol.h"
#include "runtime/spawner/spawner_sweep.h"

#define CONTROL 3 /* so that no descriptor of a child's gets a number that it has there */
#define BUCKETS 1024
#define PACKETS_PER_TURN 4 /* of one channel, before the others get theirs */
#define EVENTS 64
#define PATIENCE_NS INT64_C(1000000000) /* for leftovers that the kernel does not let go */

struct channel {
    struct list link;
    int socket;
    struct list leaders;
    struct spawn_report *reports; /* not sent yet */
    size_t n_reports, capacity;
    bool is_full; /* its socket */
};

struct leader {
    struct list of_channel, of_bucket; /* or, once reaped, of `reaped` */
    struct channel *channel;
    uint64_t id;
    pid_t pid;
    int status;
    int64_t reaped_ns;
};

struct spawner_process {
    int epoll, signals;
    struct list channels;
    struct list buckets[BUCKETS]; /* leaders that run, by their pid */
    struct list reaped;           /* leaders that are not told yet, the first one first */
    struct sweep sweep;
    struct nursery nursery;
    struct packet packet;
};

/* ---- reports ---- */

static void watch(struct spawner_process *s, int op, struct channel *channel)
{
    struct epoll_event event = {.events = EPOLLIN | (channel->is_full ? EPOLLOUT : 0),
                                .data.ptr = channel};
    epoll_ctl(s->epoll, op, channel->socket, &event);
}

static void report(struct channel *channel, const struct spawn_report *what)
{
    if (channel->n_reports == channel->capacity) {
        channel->capacity = channel->capacity * 2 + 16;
        channel->reports =
            memory_resize(channel->reports, channel->capacity * sizeof *channel->reports);
    }
    channel->reports[channel->n_reports++] = *what;
}

static void send_reports(struct spawner_process *s, struct channel *channel)
{
    size_t sent = 0;
    int status = 0;
    while (status == 0 && sent < channel->n_reports) {
        size_t n = channel->n_reports - sent;
        n = n < SPAWN_REPORTS_MAX ? n : SPAWN_REPORTS_MAX;
        struct packet_header header;
        memset(&header, 0, sizeof header);
        header.verb = PACKET_REPORTS;
        header.n_reports = (uint32_t)n;
        header.size = (uint32_t)(n * sizeof *channel->reports);
        status = packet_send(channel->socket, &header, channel->reports + sent, NULL, 0);
        if (status == 0)
            sent += n;
    }
    channel->n_reports -= sent;
    memmove(channel->reports, channel->reports + sent,
            channel->n_reports * sizeof *channel->reports);
    bool is_full = status == -EAGAIN; /* otherwise nobody is there any more, as will be seen */
    if (is_full != channel->is_full) {
        channel->is_full = is_full;
        watch(s, EPOLL_CTL_MOD, channel);
    }
}

static void send_all_reports(struct spawner_process *s)
{
    for (struct list *l = s->channels.next; l != &s->channels; l = l->next) {
        struct channel *channel = CONTAINER_OF(l, struct channel, link);
        if (channel->n_reports && !channel->is_full)
            send_reports(s, channel);
    }
}

/* ---- ends ---- */

static struct list *bucket(struct spawner_process *s, pid_t pid)
{
    return &s->buckets[(unsigned)pid % BUCKETS];
}

static struct leader *find(struct spawner_process *s, pid_t pid)
{
    struct list *chain = bucket(s, pid);
    for (struct list *l = chain->next; l != chain; l = l->next) {
        struct leader *leader = CONTAINER_OF(l, struct leader, of_bucket);
        if (leader->pid == pid)
            return leader;
    }
    return NULL;
}

static bool is_leader(void *context, pid_t pid)
{
    return find(context, pid) != NULL;
}

static void tell_exit(struct leader *leader)
{
    struct spawn_report exit = {.id = leader->id, .event = SPAWN_EXITED, .value = leader->status};
    if (leader->channel)
        report(leader->channel, &exit);
    list_remove(&leader->of_channel);
    list_remove(&leader->of_bucket);
    free(leader);
}

/* The next child that has exited; its group is killed before its number is free for others. */
static bool reap_one(struct spawner_process *s)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
        return false;
    struct leader *leader = find(s, info.si_pid);
    if (leader) {
        kill(-leader->pid, SIGKILL);
        leader->status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
        leader->reaped_ns = clock_now_ns();
        list_remove(&leader->of_bucket);
        list_append(&s->reaped, &leader->of_bucket);
    }
    waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
    return true;
}

static struct leader *first_reaped(struct spawner_process *s)
{
    return list_is_empty(&s->reaped) ? NULL
                                     : CONTAINER_OF(s->reaped.next, struct leader, of_bucket);
}

/* Reaps, ends what is left over, and tells what has ended altogether. */
static void handle_ends(struct spawner_process *s)
{
    struct leader *leader;
    bool has_news = false;
    while (reap_one(s))
        has_news = true;
    if (!has_news && list_is_empty(&s->reaped))
        return;
    bool is_clean = sweep_children(&s->sweep, is_leader, s) == 0;
    int64_t stuck_ns = clock_now_ns() - PATIENCE_NS;
    while ((leader = first_reaped(s)) && (is_clean || leader->reaped_ns <= stuck_ns))
        tell_exit(leader);
}

/* ---- packets ---- */

static void start(struct spawner_process *s, struct channel *channel)
{
    struct spawn_request request = {0};
    struct spawn_report failed = {.id = s->packet.header.id, .event = SPAWN_FAILED};
    int pid = packet_read_start(&s->packet, &request);
    if (pid == 0) {
        pid = child_start(&s->nursery, &request, &failed.part);
        free((void *)request.argv);
    }
    if (pid < 0) {
        failed.value = -pid;
        report(channel, &failed);
        return;
    }
    struct leader *leader = memory_new(sizeof *leader);
    *leader = (struct leader){.channel = channel, .id = request.id, .pid = pid};
    list_append(&channel->leaders, &leader->of_channel);
    list_append(bucket(s, pid), &leader->of_bucket);
    if (!request.tells_start)
        return;
    report(channel, &(struct spawn_report){leader->id, SPAWN_STARTED, pid, PROCESS_PROGRAM});
    send_reports(s, channel); /* at once, as who waits for it reads no further than that */
}

/* None for one that was reaped: its number may be another's by now. */
static void signal_leader(struct channel *channel, uint64_t id, int signal)
{
    for (struct list *l = channel->leaders.next; l != &channel->leaders; l = l->next) {
        struct leader *leader = CONTAINER_OF(l, struct leader, of_channel);
        if (leader->id == id && leader->reaped_ns == 0)
            kill(-leader->pid, signal);
    }
}

static void open_channel(struct spawner_process *s, int socket)
{
    struct channel *channel = memory_new_zeroed(1, sizeof *channel);
    fcntl(socket, F_SETFL, O_NONBLOCK);
    channel->socket = socket;
    list_init(&channel->leaders);
    list_append(&s->channels, &channel->link);
    watch(s, EPOLL_CTL_ADD, channel);
}

static void close_channel(struct channel *channel)
{
    while (!list_is_empty(&channel->leaders)) {
        struct leader *leader = CONTAINER_OF(channel->leaders.next, struct leader, of_channel);
        if (leader->reaped_ns == 0)
            kill(-leader->pid, SIGKILL);
        leader->channel = NULL;
        list_remove(&leader->of_channel);
    }
    close(channel->socket); /* the only one of its kind, so that epoll forgets it */
    list_remove(&channel->link);
    free(channel->reports);
    free(channel);
}

static void handle_channel(struct spawner_process *s, struct channel *channel, uint32_t events)
{
    int status = 1;
    if (events & EPOLLOUT)
        send_reports(s, channel);
    for (int i = 0; status > 0 && i < PACKETS_PER_TURN; i++) {
        status = packet_receive(channel->socket, &s->packet);
        if (status <= 0)
            break;
        if (s->packet.header.verb == PACKET_START)
            start(s, channel);
        else if (s->packet.header.verb == PACKET_SIGNAL)
            signal_leader(channel, s->packet.header.id, s->packet.header.signal);
        packet_release(&s->packet);
    }
    if (status == 0 || (status < 0 && status != -EAGAIN))
        close_channel(channel);
}

/* Whether the server is still there. */
static bool handle_control(struct spawner_process *s)
{
    if (packet_receive(CONTROL, &s->packet) <= 0)
        return false;
    if (s->packet.header.verb == PACKET_CHANNEL && s->packet.n_fds == 1) {
        open_channel(s, s->packet.fds[0]);
        s->packet.n_fds = 0;
    } else if (s->packet.header.verb == PACKET_KEEP) {
        s->packet.n_fds = 0; /* open from now on */
    }
    packet_release(&s->packet);
    return true;
}

/* ---- its life ---- */

/* Nothing of the server's: 0, 1 and 2 are /dev/null. Who signals the server's group or session,
 * such as a terminal, means the server. */
static void leave_server(int control)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, "awaitd-spawner");
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (dup2(control, CONTROL) < 0)
        _exit(1);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++)
        if (null < 0 || dup2(null, i) < 0)
            _exit(1);
    close_range(CONTROL + 1, ~0u, 0);
    fcntl(CONTROL, F_SETFD, FD_CLOEXEC);
}

static void prepare(struct spawner_process *s)
{
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t exits;
    sigemptyset(&exits);
    sigaddset(&exits, SIGCHLD);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->signals = signalfd(-1, &exits, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->epoll < 0 || s->signals < 0 || !child_prepare(&s->nursery))
        _exit(1);
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &event);
    event.data.ptr = &s->packet;
    epoll_ctl(s->epoll, EPOLL_CTL_ADD, CONTROL, &event);
    list_init(&s->channels);
    list_init(&s->reaped);
    for (int i = 0; i < BUCKETS; i++)
        list_init(&s->buckets[i]);
    sweep_init(&s->sweep);
}

/* The server is gone: so is everything, before this. */
static _Noreturn void end_all(struct spawner_process *s)
{
    siginfo_t info;
    for (int i = 0; i < BUCKETS; i++)
        for (struct list *l = s->buckets[i].next; l != &s->buckets[i]; l = l->next)
            kill(-CONTAINER_OF(l, struct leader, of_bucket)->pid, SIGKILL);
    do
        while (reap_one(s))
            ;
    while (sweep_children(&s->sweep, is_leader, s),
           waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0 || errno == EINTR);
    _exit(0);
}

static void handle_signals(struct spawner_process *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) > 0)
        ; /* one stands for many; who it was, waitid says */
}

_Noreturn void spawner_process(int control)
{
    leave_server(control);
    struct spawner_process *s = memory_new_zeroed(1, sizeof *s);
    prepare(s);
    for (;;) {
        struct epoll_event events[EVENTS];
        bool is_alive = true;
        int n = epoll_wait(s->epoll, events, EVENTS,
                           list_is_empty(&s->reaped) ? -1 : (int)(PATIENCE_NS / 1000000));
        for (int i = 0; i < n; i++) {
            if (!events[i].data.ptr)
                handle_signals(s);
            else if (events[i].data.ptr == &s->packet)
                is_alive = handle_control(s);
            else
                handle_channel(s, events[i].data.ptr, events[i].events);
        }
        if (!is_alive)
            end_all(s);
        handle_ends(s);
        send_all_reports(s);
    }
}
