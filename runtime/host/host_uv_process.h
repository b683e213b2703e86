/* What the files of the real host's processes share. [loop] */
#ifndef AWAITD_RUNTIME_HOST_UV_PROCESS_H
#define AWAITD_RUNTIME_HOST_UV_PROCESS_H

#include "runtime/host/host_uv_internal.h"
#include "runtime/spawner/spawner.h"

struct child;

enum pipe_use { PIPE_INPUT, PIPE_OUT, PIPE_ERR };

struct pipe_end {
    struct child *child;
    enum pipe_use use;
    int fd; /* ours; -1: closed, or never opened */
};

/* What is to go into its standard input: the spec's text, then what clients write. */
struct input {
    struct pipe_end end;
    const char *at; /* of the text */
    size_t left;
    struct list writes; /* struct process_write */
    bool is_read;       /* the program runs: before that, what was written could still be lost */
    bool is_ending;     /* nothing comes any more */
    bool is_over;       /* it was closed */
};

enum child_state {
    CHILD_QUEUED,  /* asked for, not started yet */
    CHILD_STARTED, /* the spawner has it */
    CHILD_EXITED,  /* its streams may still be open */
    CHILD_OVER,    /* `ended` is to be called */
};

struct child {
    struct list link;    /* of the host: queued, processes or over */
    struct list closing; /* of the host: exited, with a stream that somebody holds open */
    struct host_uv *host;
    struct process *process; /* NULL: abandoned */
    enum child_state state;
    int signal;          /* that it was sent, and that would end it; or 0 */
    uint64_t unsent;     /* signals that the spawner is to get, 1 << (signal - 1) */
    int64_t patience_ns; /* its start may be tried until then; 0: it was not tried yet */
    int64_t grace_ns;    /* its streams may be open until then */
    struct input input;
    struct pipe_end out, err;
};

/* host_uv_process.c */
void child_exited(struct child *child, int exit_code);
/* Ends it, when it has exited and its streams have ended. */
void child_end_if_over(struct child *child);
/* It could not be started: for now, or at all. It waits to be started, or was given to the spawner.
 */
void child_failed(struct child *child, int error, enum process_part part);
/* The same, for good. */
void child_fail(struct child *child, int error, enum process_part part);
/* What one has given back, the next may take. */
void host_uv_end_pause(struct host_uv *host);

/* host_uv_process_channel.c */
/* fds: the child's. 0 or -errno; -EAGAIN: the channel is full. */
int child_send_start(struct child *child, const int fds[3]);
/* Those that it was not sent yet; where the channel is full, they are kept. */
void child_send_signals(struct child *child);
/* Nothing can be sent for now, and we are to be told when that is over; or it is over. */
void host_uv_set_full(struct host_uv *host, bool is_full);

/* host_uv_process_pipe.c */
/* Opens our ends; the child's into fds, to be closed by the caller in any case. 0 or -errno. */
int child_make_pipes(struct child *child, int fds[3]);
/* Closes our ends, as if they had never been opened. */
void child_drop_pipes(struct child *child);
/* The same, and what was to be written is done (EPIPE). */
void child_close_pipes(struct child *child);
void child_close_input(struct child *child);
/* What it has printed before it exited, and is still in the pipes. */
void child_read_rest(struct child *child);
/* The program runs: from now on it gets its input. */
void child_open_input(struct child *child);
/* The same, soon: not from within what calls this. */
void child_feed(struct child *child);
/* Reads and writes what can be at once, within limits. */
void host_uv_serve_pipes(struct host_uv *host);

#endif
