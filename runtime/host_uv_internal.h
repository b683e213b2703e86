/* What the files of the real host share. [loop] */
#ifndef AWAITD_RUNTIME_HOST_UV_INTERNAL_H
#define AWAITD_RUNTIME_HOST_UV_INTERNAL_H

#include <uv.h>

#include "runtime/base/list.h"
#include "runtime/host_uv.h"
#include "runtime/lag.h"

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
    int guard;               /* host_uv_guard.h */
    struct mailbox *mailbox; /* of operations that others are through with */
    struct operation_backend *const *backends;
    struct list operations; /* that are under way, and not given up */
    struct list held;       /* that never begin, as nothing does any more */
    size_t n_operations;    /* under way */
    bool is_holding;        /* nothing begins any more */
    struct list queued;     /* struct child: asked for, not started yet */
    struct list processes;  /* struct child */
    size_t n_processes;
    char chunk[65536]; /* what was read last; used within one callback */
};

/* To be called by every callback of a libuv timer that gives the loop something to do: host_uv_wait
 * returns without blocking. */
void host_uv_has_news(struct host_uv *host);

/* Processes wait to be started, and may be. */
static inline bool host_uv_has_queued(const struct host_uv *host)
{
    return !host->is_holding && !list_is_empty(&host->queued);
}

/* host_uv_process.c: starts the next few of them. */
void host_uv_start_queued(struct host_uv *host);

/* host_uv_process.c: the port's functions. */
void host_uv_spawn(struct host *host, struct process *process);
void host_uv_kill(struct host *host, struct process *process, int signal);
void host_uv_abandon(struct host *host, struct process *process);

/* host_uv_operation.c */
void host_uv_operations_open(struct host_uv *host);
void host_uv_operations_close(struct host_uv *host);
void host_uv_begin(struct host *host, struct operation *operation);
void host_uv_give_up(struct host *host, struct operation *operation);
/* Tells of what has come in. */
void host_uv_take_answers(struct host_uv *host);

#endif
