/* Watches the sockets for what libmicrohttpd (0.9.75) does not see: clients that leave while their
 * connection is suspended in a wait; requests and answers that drip in or out so slowly that no
 * idle timeout ever ends them; and those that are still sending what was refused when we close, who
 * would lose the answer to a reset. One small thread, which looks once a second. */
#ifndef AWAITD_SERVER_HANGUP_H
#define AWAITD_SERVER_HANGUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/error.h"
#include "schema/id.h"

struct hangup;
struct runtime;

/* How long things may take in all, in seconds; PEER_FLOOR bytes a second prolong bodies and
 * answers. */
#define PEER_IDLE_S 30 /* between two requests: libmicrohttpd's own timeout */
#define PEER_HEAD_S 10 /* a request's head, once the connection is there */
#define PEER_BODY_S 30
#define PEER_ANSWER_S 30
#define PEER_FLOOR 1024
#define PEER_LINGER_S 5 /* what still comes after a refusal is read and dropped */

/* One client's socket. [http] */
struct peer {
    struct hangup *hangup;
    int fd;
    size_t slot;
    int64_t since_ms; /* when what is timed now began */
    _Atomic int64_t deadline_ms;
    bool must_linger;
    /* Under the lock: the wait in which the connection is suspended; ticket 0: none. */
    struct id id;
    uint64_t ticket;
};

/* Starts the thread. Give-ups go to `runtime`. 0 or -ERROR_SYSTEM and *e. [main] */
int hangup_start(struct hangup **out, struct runtime *runtime, struct error *e);
/* Ends it. All peers must be gone. [main] */
void hangup_stop(struct hangup *hangup);

/* A connection began. NULL when out of memory. */
struct peer *peer_new(struct hangup *hangup, int fd);
/* The connection ends, its socket is still open. */
void peer_free(struct peer *peer);

/* From now on this takes at most so many seconds (0: no limit); peer_moved: and what `bytes` take
 * at PEER_FLOOR. */
void peer_begin(struct peer *peer, int seconds);
void peer_moved(struct peer *peer, int seconds, size_t bytes);

/* Around a suspension in a wait: begin before suspending, end when the handler runs again. */
void peer_wait_begin(struct peer *peer, const struct id *id, uint64_t ticket);
void peer_wait_end(struct peer *peer);

#endif
