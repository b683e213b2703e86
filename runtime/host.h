/* The port to the outside: all that the engine may know of the world. host_uv.c is the real one,
 * tests/sim/ the simulated one with virtual time. [loop] */
#ifndef AWAITD_RUNTIME_HOST_H
#define AWAITD_RUNTIME_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/journal/leaf.h"
#include "runtime/operation.h"

/* What a process printed: all of it, up to a limit; beyond that its beginning and its end, half of
 * the limit each, and the rest is counted. runtime/output.h */
struct output {
    char *bytes;
    size_t size, capacity; /* of bytes */
    size_t head;    /* dropped > 0: so many of the bytes are the beginning, the others the end */
    size_t dropped; /* between the two */
    size_t next;    /* where the ring of the end goes on, until output_finish */
};

/* What it may use up; 0: as much as the server. */
struct process_limits {
    int64_t cpu_seconds, memory, open_files; /* memory: bytes of address space */
    int nice;
    bool has_uid; /* runs as another user, with that user's group and no others: as root only */
    uint32_t uid;
};

/* What a start failed at. */
enum process_part {
    PROCESS_PROGRAM,
    PROCESS_CWD,
    PROCESS_UID,
    PROCESS_NICE,
    PROCESS_MEMORY,  /* its limit is too low for the program */
    PROCESS_SPAWNER, /* nothing: the process that starts others is gone */
    PROCESS_CRASH,   /* it had begun when the server stopped, and must not begin again */
};

/* A child process. The op owns it and keeps it until `ended` was called. argv, env, cwd and input
 * are borrowed until then. */
struct process {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const char *shell;       /* the command line, when argv is a shell that runs it; else NULL */
    const char *const *env;  /* "KEY=value", on top of what every child gets; or NULL */
    const char *cwd;         /* or NULL */
    const char *input;       /* for its standard input, which is closed after */
    size_t input_size;
    size_t max_output;     /* bytes kept of each stream */
    bool inherit_env;      /* it gets the server's whole environment, else a few variables of it */
    bool keeps_input_open; /* after `input`, until close_input */
    struct process_limits limits;
    /* NULL, or: what it printed, as it comes; before it counts as kept. Must not kill or abandon.
     */
    void (*printed)(struct process *process, bool is_stderr, const char *bytes, size_t size);
    /* filled in by the host before `ended` */
    int error;              /* errno when it could not be started, else 0 */
    enum process_part part; /* that the error is about */
    int exit_code;          /* or -signal */
    struct output out, err;
    void (*ended)(struct process *process); /* reaped, and its output read */
    struct leaf leaf;                       /* the op's, and so is this */
    void *context;
    void *host; /* the host's own */
};

/* Bytes for the standard input of a process with keeps_input_open. Who writes owns it, and the
 * bytes, until `done` is called: exactly once, never from within write(). */
struct process_write {
    struct list link; /* the host's own */
    const char *bytes;
    size_t size, written; /* written: of them, by then */
    /* 0: all of it went into the pipe; EPIPE: nobody reads it any more, or it ended */
    void (*done)(struct process_write *write, int error);
};

struct host {
    int64_t (*now_ns)(struct host *host);  /* monotonic */
    int64_t (*wall_us)(struct host *host); /* since the epoch */
    double (*chance)(struct host *host);   /* 0 <= x < 1 */
    /* Starts a process in a session and process group of its own. `ended` always comes, later. */
    void (*spawn)(struct host *host, struct process *process);
    /* To its whole process group; nothing when it was reaped. */
    void (*kill)(struct host *host, struct process *process, int signal);
    /* Forgets the process: it is killed, `ended` will not come, the host frees the output. */
    void (*abandon)(struct host *host, struct process *process);
    /* In the order of the calls, behind `input`; at any time before `ended`. The writes that wait
     * when a process ends are done (EPIPE) before `ended` is called. */
    void (*write)(struct host *host, struct process *process, struct process_write *write);
    /* Its standard input ends behind what is being written; then every write is EPIPE. */
    void (*close_input)(struct host *host, struct process *process);
    /* Takes the operation. Its `ended` always comes, later, and then it is the op's again. */
    void (*begin)(struct host *host, struct operation *operation);
    /* Nobody waits for it: `ended` will not come, the host frees it. */
    void (*give_up)(struct host *host, struct operation *operation);
};

#endif
