/* What the files of the real host share. [loop] */
#ifndef AWAITD_RUNTIME_HOST_UV_INTERNAL_H
#define AWAITD_RUNTIME_HOST_UV_INTERNAL_H

#include <uv.h>

#include "runtime/base/list.h"
#include "runtime/host/host_uv.h"
#include "runtime/host/lag.h"

struct host_uv {
    struct host port; /* first: the port is the host */
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t timer;
    uv_prepare_t prepare; /* it is about to look for events */
    uv_check_t check;     /* it has looked */
    int64_t checked_ns;   /* when; 0: not since it looked last */
    struct lag lag;
    int64_t armed_ns;        /* what the timer is set to; INT64_MAX when it is stopped */
    struct mailbox *mailbox; /* of operations that others are through with */
    struct operation_backend *const *backends;
    struct list operations; /* that are under way, and not given up */
    struct list held;       /* that never begin, as nothing does any more */
    size_t n_operations;    /* under way */
    bool is_holding;        /* nothing begins any more */
    /* processes: host_uv_process*.c */
    struct spawner *spawner; /* NULL: there is none */
    int channel;             /* to it; -1 once it is gone */
    int pipes;               /* an epoll instance */
    uv_poll_t channel_poll, pipes_poll;
    uv_timer_t grace, pause;
    int64_t pause_ms;      /* before the next try, after starts have failed; 0: none has */
    bool is_pausing;       /* no process is started for now: resources are short, */
    bool is_full;          /* or the channel is full */
    bool holds_output;     /* pipes are not served for now */
    struct list queued;    /* struct child: asked for, not started yet */
    struct list processes; /* started */
    struct list closing;   /* exited; the first one's grace is over first */
    struct list over;      /* told next */
    struct list refused;   /* struct process_write: told next */
    size_t n_processes;    /* not told yet, and not queued */
    char chunk[65536];     /* what was read last; used within one callback */
};

/* To be called by every callback of a libuv timer that gives the loop something to do: host_uv_wait
 * returns without blocking. */
void host_uv_has_news(struct host_uv *host);

/* host_uv_process.c */
int host_uv_processes_open(struct host_uv *host, struct spawner *spawner, struct error *e);
/* Their handles, before the libuv loop runs for the last time. */
void host_uv_processes_close(struct host_uv *host);
/* What is left, after that. */
void host_uv_processes_release(struct host_uv *host);
static inline bool host_uv_may_start(const struct host_uv *host)
{
    return !host->is_holding && !host->is_pausing && !host->is_full &&
           !list_is_empty(&host->queued);
}
/* Starts a few of those that wait. Whether there is more to do at once. */
bool host_uv_start_processes(struct host_uv *host);
/* Tells of those that are over. */
void host_uv_tell_processes(struct host_uv *host);
/* The port's functions. */
void host_uv_spawn(struct host *host, struct process *process);
void host_uv_kill(struct host *host, struct process *process, int signal);
void host_uv_abandon(struct host *host, struct process *process);
void host_uv_write(struct host *host, struct process *process, struct process_write *write);
void host_uv_close_input(struct host *host, struct process *process);

/* host_uv_operation.c */
void host_uv_operations_open(struct host_uv *host);
void host_uv_operations_close(struct host_uv *host);
void host_uv_begin(struct host *host, struct operation *operation);
void host_uv_give_up(struct host *host, struct operation *operation);
/* Tells of what has come in. */
void host_uv_take_answers(struct host_uv *host);

#endif
