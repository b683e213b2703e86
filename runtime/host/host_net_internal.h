/* What the files of the network thread share. [net: its thread] */
#ifndef AWAITD_RUNTIME_HOST_NET_INTERNAL_H
#define AWAITD_RUNTIME_HOST_NET_INTERNAL_H

#include <curl/curl.h>
#include <openssl/types.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "runtime/base/list.h"
#include "runtime/base/mpsc.h"
#include "runtime/host/host_net_address.h"
#include "runtime/host/host_net.h"
#include "runtime/host/host_net_resolve.h"
#include "runtime/timer.h"

struct net {
    struct operation_backend backend; /* first */
    struct net_policy policy;
    char *user_agent;
    size_t max_bodies;
    double idle;
    const char *trusted;       /* a file of certificates; NULL: the system's */
    SSL_CTX *trust;            /* of conversations; NULL before the first */
    struct resolver *resolver; /* of their names */
    pthread_t thread;
    struct mpsc mailbox; /* of struct arrival */
    atomic_bool is_stopping, has_given_up;
    /* the thread's */
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t curl_timer, clock; /* libcurl's; of the deadlines */
    CURLM *multi;
    struct timer_heap deadlines;
    int64_t armed_ns; /* what the clock is set to; INT64_MAX: stopped */
    struct timer idleness;
    struct list transfers; /* all of them */
    struct list
        waiting[2];      /* those that have no room yet; [1]: and libcurl has a name to resolve */
    struct list orphans; /* without operations: libcurl resolves names that nobody needs now */
    size_t n_running, max_running;
    size_t n_resolving; /* names that libcurl asks for; the resolver sees to its own */
    size_t bodies;      /* bytes that transfers have received, and hold */
    bool is_used;       /* there were transfers when it settled last */
};

struct transfer;

/* What one kind of transfer does. Functions of libcurl may be called by all of these. */
struct transfer_kind {
    /* There is room now: transfer_perform, or something else. It may end at once. */
    void (*start)(struct transfer *transfer);
    /* What transfer_perform began has ended. */
    void (*finished)(struct transfer *transfer, CURLcode result);
    /* Its deadline has come. */
    void (*timed_out)(struct transfer *transfer);
    /* Frees it, but for the operation: it was answered, or nobody waits for it any more. */
    void (*free)(struct transfer *transfer);
};

/* An operation under way, with one easy handle at a time. Lives at the beginning of a structure of
 * the kind's.
 *
 *   IDLE ──transfer_run──► WAITING ──► RUNNING ──finished──► ENDED ──transfer_rest──► IDLE
 *    └──────────────────────┴─────────────┴── transfer_answer, given up, the thread stops ──►
 * (freed)
 */
struct transfer {
    struct list link, turn; /* in net->transfers; in net->waiting, or none */
    struct net *net;
    struct operation *operation;
    const struct transfer_kind *kind;
    enum transfer_state {
        TRANSFER_IDLE,
        TRANSFER_WAITING, /* for room */
        TRANSFER_RUNNING, /* libcurl, or the kind, works on it */
        TRANSFER_ENDED    /* libcurl is through with it, or connected */
    } state;
    CURL *easy;        /* RUNNING or ENDED, of one that libcurl works on */
    bool is_named;     /* its host is no address */
    bool is_resolving; /* libcurl, a name, as far as is known */
    int socket_error;  /* errno, when the last socket could not be made; else 0 */
    bool is_refused;   /* the policy refused the last address that it came to: */
    struct net_address refused;
    bool sends_once; /* libcurl, which sends a request again when a pooled connection turns out to
                      * be closed, must not do so with this one */
    unsigned n_sent;
    char why[CURL_ERROR_SIZE]; /* libcurl's words about an error; or "" */
    struct timer deadline;
};

/* How each kind begins. Makes and adds the transfer, and sets its deadline. It may be answered
 * before these return. */
void net_begin_fetch(struct net *net, struct operation *operation);
void net_begin_talk(struct net *net, struct operation *operation);

/* Puts a zeroed one into the net's list: IDLE, without a deadline. */
void transfer_add(struct transfer *transfer, struct net *net, struct operation *operation,
                  const struct transfer_kind *kind);
/* Calls timed_out so many seconds from now, in place of any time before. */
void transfer_set_deadline(struct transfer *transfer, double seconds);
/* An easy handle for an http or https URL, with all that is the same for all of them: no proxy, the
 * policy, trust. Any protocol but these is refused. The caller sets what is its own; NULL for want
 * of memory. */
CURL *transfer_make_easy(struct transfer *transfer, const char *url);
/* `start` is called when there is room. Until then nothing of libcurl's is needed, as thousands may
 * wait. is_named: libcurl has
 * to ask for the host's addresses. */
void transfer_run(struct transfer *transfer, bool is_named);
/* From `start`. Takes the handle; `finished` comes later, always, unless the transfer is answered
 * or given up. */
void transfer_perform(struct transfer *transfer, CURL *easy);
/* Lets the handle go: a connection in the middle of something, or with CURLOPT_CONNECT_ONLY, is
 * closed; one that is through goes to the pool. */
void transfer_rest(struct transfer *transfer);
/* Completes the operation, whose answer is filled in, and frees the transfer. */
void transfer_answer(struct transfer *transfer);
/* The same, with an exception; copies the message, takes the details (JSON from malloc, or NULL).
 */
void transfer_raise(struct transfer *transfer, const char *type, const char *message,
                    char *details);
/* The same, with the exception that stands for libcurl's error; `public_url` is for the message. */
void transfer_raise_curl(struct transfer *transfer, CURLcode result, const char *public_url);

/* The exception's type that Python chooses for an errno. */
const char *net_type_of_errno(long number);

/* To be called at the end of each callback of libuv: ends, starts and arms what there is. */
void net_settle(struct net *net);
int64_t net_now_ns(void);

/* host_net_multi.c: libcurl's multi interface on the libuv loop. False: out of memory. */
bool net_multi_open(struct net *net);
void net_multi_close(struct net *net); /* and all connections */

/* host_net_transfer.c: what settling consists of. */
void net_end_transfers(struct net *net); /* those that libcurl says have ended */
void net_start_waiting(struct net *net); /* as many as there is room for */
void net_drop_given_up(struct net *net);
void net_drop_all(struct net *net);
void net_fire_deadlines(struct net *net);

#endif
