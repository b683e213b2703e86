/* One HTTP thread and what belongs to it. It turns libmicrohttpd's event loop by hand: 0.9.75's own
 * thread goes to sleep for up to its idle timeout, with requests in its hands, when exactly as many
 * events came at once as it fetches (128); with 256 busy clients that is a matter of seconds.
 * Turned from outside it never sleeps. It is also the only thread that talks to libmicrohttpd. */
#ifndef AWAITD_SERVER_LANE_H
#define AWAITD_SERVER_LANE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/chain.h"
#include "schema/error.h"

struct server;
struct store_reader;

enum lane_wish { LANE_SERVE, LANE_QUIESCE, LANE_END };

/* There is one now; more lanes on one listener are more threads. Start with {0}, server, reader and
 * daemon set; the daemon has no thread of its own. */
struct lane {
    struct server *server;
    struct MHD_Daemon *daemon;
    struct store_reader *reader;
    pthread_t thread;
    int bell;           /* eventfd */
    struct mpsc woken;  /* requests whose connections are to be resumed */
    struct chain asked; /* requests whose submissions are to be handed over */
    unsigned n_asked;
    _Atomic int wish;          /* enum lane_wish */
    unsigned char chance[256]; /* from getrandom, used from the end */
    size_t chance_left;
};

/* 0, or -ERROR_SYSTEM and *e. [main] */
int lane_start(struct lane *lane, struct error *e);
/* No new connections are taken from now on. [main] */
void lane_quiesce(struct lane *lane);
/* Ends the thread; libmicrohttpd's daemon is left to the caller. [main] */
void lane_stop(struct lane *lane);
/* Once nobody can call lane_wake any more. [main] */
void lane_release(struct lane *lane);

/* Resumes the connection of the request that this node is in, soon. The request may be gone when
 * this returns. [any] */
void lane_wake(struct lane *lane, struct mpsc_node *request);

/* Hands the parked request's submission to the runtime, together with others that came in the same
 * go: so the loop's thread is woken once for them, not once for each. server_may_ask said true;
 * server_asked is called here. [http] */
void lane_submit(struct lane *lane, struct mpsc_node *request);

/* Random bits that nobody can guess. [http] */
uint64_t lane_random(struct lane *lane);

#endif
