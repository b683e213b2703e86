/* One HTTP request on its way through the server, and what every handler works with.
 *
 *   HEAD ──► BODY ──► WORK ──► ANSWER         WORK ⇄ PARKED: suspended until request_wake
 *
 * A handler runs once the body is there, on its lane's HTTP thread. It ends in exactly one of two
 * ways: it answered (reply.h), or it parked the request and then asked somebody, whose callback
 * wakes it; then `next` runs on the HTTP thread, and it has the same two ways. [http] unless it
 * says else. */
#ifndef AWAITD_SERVER_REQUEST_H
#define AWAITD_SERVER_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/runtime.h"
#include "server/claims.h"
#include "server/config.h"
#include "server/lane.h"
#include "server/query.h"

struct backups;
struct hangup;
struct idempotency;
struct peer;
struct route;

#define CALLBACK_SECRET_SIZE 32

/* What all requests share. Lives in main, from before the first request until after the last. */
struct server {
    const struct config *config;
    struct store *store;
    struct runtime *runtime;
    const struct services *services;
    struct hangup *hangup;
    struct backups *backups;
    struct MHD_Response *no_memory; /* the answer when there is none for a better one */
    unsigned char callback_secret[CALLBACK_SECRET_SIZE]; /* callback.h */
    bool checks_host;                                    /* not for a socket in the file system */
    atomic_bool is_draining;
    atomic_uint n_asking; /* between server_may_ask and server_asked */
    atomic_uint n_parked, n_requests;
    atomic_ulong last_ticket;
    struct claims claims;
};

enum method {
    METHOD_GET,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_OTHER
};

/* The header fields that matter here, NULL where absent; they live as long as the request. */
struct headers {
    const char *content_length, *transfer_encoding, *host, *content_type, *authorization;
    const char *origin, *sec_fetch_site, *expect, *if_none_match, *traceparent;
    const char *idempotency_key;
    const char *prefer_wait; /* the value of Prefer: wait=, in the request's own memory */
};

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_WORK, PHASE_PARKED, PHASE_ANSWER };

struct request {
    struct lane *lane;
    struct server *server;
    struct MHD_Connection *connection;
    struct peer *peer;
    enum phase phase;

    /* what was asked */
    enum method method;
    bool is_head;
    char *target; /* as it came, then cut into path and query */
    const char *path;
    struct query query;
    struct headers headers;
    const struct route *route;
    struct id id; /* of the path's {id} */
    char *name;   /* of the path's {name} or {token}, or of what is to be made; owned, NULL: none */
    char prefer[16];
    bool prefer_was_followed;
    bool has_body; /* as its header says */

    /* its body */
    char *body;
    size_t body_size, body_capacity;

    /* its answer */
    struct MHD_Response *response;
    unsigned status;
    size_t answer_size;
    bool is_replayed; /* what is said was said before, to the first request with this key */
    bool must_close;  /* what follows on this connection cannot be trusted */

    struct mpsc_node woken; /* in one of the lane's queues: to be handed over, or resumed */
    /* while it is parked: what goes on after, and what was asked. Whoever was asked owns these
     * until he calls back. */
    void (*next)(struct request *request);
    struct waiter waiter;
    uint64_t ticket; /* of request_watch; 0: nobody watches */
    union {
        struct submission submission;
        struct cancellation cancellation;
        struct rescheduling rescheduling;
        struct future_request future;
        struct look look;
        struct process_request process;
        struct store_request store;
        struct loop_request loop;
        struct loop_list loops;
        struct group_request group;
        struct resume_request resume;
    };
    size_t n_fed;                     /* bytes of the body that a process got */
    struct group_record group_record; /* owned: a group that is to be opened */
    struct id parent;                 /* of a submission: the group that it is for */
    bool has_parent;
    double wait;                     /* of a submission: seconds that its answer may take */
    struct idempotency *idempotency; /* owned; NULL: there is no key */
    struct claim claim;
    char *text;                 /* owned: what was asked borrows it */
    int outcome;                /* 0 or -code, of what was asked */
    struct task_record *record; /* owned */
    struct task_record *ended;  /* owned; what a wait came to */
    struct plan *plan;          /* owned; with the trace what a look came to */
    struct buffer trace, tasks, futures;
    void *listed; /* owned; what a list of loops came to, or a backup */
};

/* NULL when out of memory. Copies the target. */
struct request *request_new(struct lane *lane, struct MHD_Connection *connection,
                            const char *target);
void request_free(struct request *request);

/* The bytes of the body that came. False when they are more than the server takes. Dropped where
 * the request is refused already; without memory it is refused. */
bool request_take_body(struct request *request, const char *bytes, size_t size);

/* Suspends the connection. After this the handler asks, once, and touches the request no more:
 * `next` may be running before the asking call has returned. */
void request_park(struct request *request, void (*next)(struct request *request));
/* Before request_park, when what is asked for may take long: has the client's socket watched. When
 * he leaves, runtime_give_up is called with the task and the new *ticket. */
void request_watch(struct request *request, const struct id *id, uint64_t *ticket);
/* The connection is no longer suspended. */
void request_unpark(struct request *request);
/* Copies a text that what is asked will borrow, or NULL, to request->text. False when out of
 * memory: it is answered. */
bool request_keep_text(struct request *request, const char *text);
/* The done of request->store: keeps the status as the outcome, and wakes the request. [writer] */
void request_stored(struct store_request *store, int status);
/* Ends what request_park began; the caller must not touch the request after. [any, once] */
void request_wake(struct request *request);

/* Whether the runtime may still be asked: false while the server drains. When true, server_asked
 * must follow once the question is on its way; the drain waits for that, so that no question comes
 * after the last answer. */
bool server_may_ask(struct server *server);
void server_asked(struct server *server);
/* From now on server_may_ask says false. Returns when no question is under way. [main] */
void server_refuse(struct server *server);

int64_t now_us(void); /* since the epoch */

#endif
