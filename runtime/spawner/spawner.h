/* The spawner: a small process that starts, reaps and ends all others. It is forked first of all,
 * before there are threads and before memory grows, so that starting a child costs the same however
 * large the server is. Who wants children opens a channel; a child belongs to its channel.
 *
 * What holds for every child: a session and process group of its own, descriptors 0, 1, 2 (and 3
 * when one is given) and no others, signals as usual and none blocked, no new privileges, umask
 * 077, no core files, first in line for the kernel's OOM killer. When it exits, everything that is
 * left below it (also what called setsid or was orphaned) is killed before its exit is told. When
 * its channel is closed, it is killed. When the server is gone, however it went, all are. */
#ifndef AWAITD_RUNTIME_SPAWNER_H
#define AWAITD_RUNTIME_SPAWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/host.h"
#include "schema/error.h"

struct spawner;

/* Forks it: first of all, as the child shares what is open and mapped. 0 or -SYSTEM, -NO_MEMORY and
 * *e. [main] */
int spawner_start(struct spawner **out, struct error *e);
/* Ends it: what it started is killed, and it is waited for. After all channels were given up.
 * NULL: nothing. [main] */
void spawner_stop(struct spawner *spawner);
bool spawner_is_alive(struct spawner *spawner); /* [any] */

/* A channel's other end is gone, and the spawner with it: kills what it has started, once. [any] */
void spawner_bury(struct spawner *spawner);

/* Has the spawner keep a copy of the descriptor open until it is gone, which is after all that it
 * has started, however the server went. 0 or -errno. [any] */
int spawner_keep(struct spawner *spawner, int fd);

/* A new channel: a descriptor, blocking and close-on-exec, the caller's to close; or -errno (EPIPE:
 * the spawner is gone). [any] */
int spawner_open_channel(struct spawner *spawner);

/* ---- a channel, used by one thread at a time [any] ---- */

struct spawn_request {
    uint64_t id;             /* the caller's, unique among the living children of the channel */
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in env's PATH */
    const char *const *env;  /* "KEY=value", NULL-terminated: all that the child gets */
    const char *cwd;         /* or NULL: the server's */
    int fds[4];              /* its 0, 1, 2: -1 is /dev/null; its 3: -1 is none. Borrowed */
    struct process_limits limits;
    bool tells_start; /* a SPAWN_STARTED is wanted, too */
};

enum spawn_event {
    SPAWN_STARTED, /* value: its process id */
    SPAWN_FAILED,  /* value: errno; nothing more comes of this id */
    SPAWN_EXITED,  /* value: the exit status, or -signal; nothing is left of it */
};

struct spawn_report {
    uint64_t id;
    enum spawn_event event;
    int value;
    enum process_part part; /* SPAWN_FAILED: what the error is about */
};

/* 0; -EAGAIN when a non-blocking channel is full; -EPIPE when the spawner is gone; or another
 * -errno, and the child is not started. */
int spawner_send_start(int channel, const struct spawn_request *request);
/* A signal for the child's whole process group; nothing when it has exited. As above. */
int spawner_send_signal(int channel, uint64_t id, int signal);
/* Up to SPAWN_REPORTS_MAX reports: how many; 0 when the spawner is gone; -EAGAIN. */
#define SPAWN_REPORTS_MAX 64
int spawner_receive(int channel, struct spawn_report reports[SPAWN_REPORTS_MAX]);

/* Whether a start that failed so is worth another try a little later. */
bool spawner_is_passing(int error);

/* ---- a blocking channel with one child, for a thread that waits for it [worker] ---- */

#define SPAWN_PATIENCE_NS INT64_C(60000000000) /* for starts that fail for want of resources */

/* Starts it and waits until it runs, trying again for SPAWN_PATIENCE_NS when resources are short. 0
 * or -errno. */
int spawner_run(int channel, struct spawn_request *request);
/* Waits for its exit, at most timeout_ms (-1: for ever). 1 and *status (or -signal), 0 when the
 * time is over, or -EPIPE. */
int spawner_wait(int channel, uint64_t id, int timeout_ms, int *status);

#endif
