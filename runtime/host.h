/* The port to the outside: all that the engine may know of the world. host_uv.c is the real one,
 * tests/sim/ the simulated one with virtual time. [loop] */
#ifndef AWAITD_RUNTIME_HOST_H
#define AWAITD_RUNTIME_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/operation.h"

/* What a process printed; grows up to a limit, beyond which bytes are counted and dropped. */
struct output {
    char *bytes;
    size_t size, capacity, dropped;
};

/* A child process. The op owns it and keeps it until `ended` was called. argv, env, cwd and input
 * are borrowed until then. */
struct process {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const char *shell;       /* the command line, when argv is a shell that runs it; else NULL */
    const char *const *env;  /* "KEY=value", on top of the few that every child gets; or NULL */
    const char *cwd;         /* or NULL */
    const char *input;       /* for its standard input, which is closed after */
    size_t input_size;
    size_t max_output; /* bytes kept of each stream */
    /* filled in by the host before `ended` */
    int error;     /* errno when it could not be started, else 0 */
    bool bad_cwd;  /* the error is about cwd */
    int exit_code; /* or -signal */
    struct output out, err;
    void (*ended)(struct process *process); /* reaped, and its output read */
    void *context;                          /* the op's */
    void *host;                             /* the host's own */
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
    /* Takes the operation. Its `ended` always comes, later, and then it is the op's again. */
    void (*begin)(struct host *host, struct operation *operation);
    /* Nobody waits for it: `ended` will not come, the host frees it. */
    void (*give_up)(struct host *host, struct operation *operation);
};

#endif
