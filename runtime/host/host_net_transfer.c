/* Transfers: their turns, and what every connection has in common. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/host/host_net_internal.h"

#define RESOLVING_MAX 32 /* libcurl makes a thread for each name that it asks for */
#define CONNECT_SECONDS 30L
#define POOLED_SECONDS 15L

/* ---- life ---- */

static void deadline_came(struct timer *timer)
{
    struct transfer *transfer = CONTAINER_OF(timer, struct transfer, deadline);
    transfer->kind->timed_out(transfer);
}

void transfer_add(struct transfer *transfer, struct net *net, struct operation *operation,
                  const struct transfer_kind *kind)
{
    transfer->net = net;
    transfer->operation = operation;
    transfer->kind = kind;
    transfer->deadline.fire = deadline_came;
    list_init(&transfer->turn);
    list_append(&net->transfers, &transfer->link);
}

void transfer_set_deadline(struct transfer *transfer, double seconds)
{
    struct timer_heap *deadlines = &transfer->net->deadlines;
    timer_disarm(deadlines, &transfer->deadline);
    timer_arm(deadlines, &transfer->deadline, net_now_ns() + (int64_t)(seconds * 1e9));
}

void net_fire_deadlines(struct net *net)
{
    struct timer *timer;
    int64_t now_ns = net_now_ns();
    while ((timer = timer_take_due(&net->deadlines, now_ns)))
        timer->fire(timer);
}

static void complete(struct transfer *transfer)
{
    struct operation *operation = transfer->operation;
    transfer_rest(transfer);
    timer_disarm(&transfer->net->deadlines, &transfer->deadline);
    list_remove(&transfer->link);
    transfer->kind->free(transfer); /* while there is an operation */
    operation_complete(operation);
}

void transfer_answer(struct transfer *transfer)
{
    BUG_ON(!transfer->operation->answer.text && !transfer->operation->answer.type);
    complete(transfer);
}

void net_drop_given_up(struct net *net)
{
    for (struct list *l = net->transfers.next, *next; l != &net->transfers; l = next) {
        struct transfer *transfer = CONTAINER_OF(l, struct transfer, link);
        next = l->next;
        if (operation_is_given_up(transfer->operation))
            complete(transfer);
    }
}

/* ---- names that nobody waits for any more ---- */

static void free_orphan(struct transfer *orphan)
{
    transfer_rest(orphan);
    list_remove(&orphan->link);
    free(orphan);
}

static void orphan_finished(struct transfer *orphan, CURLcode result)
{
    (void)result;
    free_orphan(orphan);
}

static const struct transfer_kind orphan_kind = {.finished = orphan_finished};

/* Nothing stops libcurl's thread that waits for a name server: its handle stays until the name is
 * known, so that the thread is counted, and gets no further. */
static void leave_name(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    struct transfer *orphan = memory_new_zeroed(1, sizeof *orphan);
    *orphan = (struct transfer){.net = transfer->net,
                                .kind = &orphan_kind,
                                .state = TRANSFER_RUNNING,
                                .easy = easy,
                                .is_resolving = true};
    list_init(&orphan->turn);
    list_append(&transfer->net->orphans, &orphan->link);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, orphan);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, orphan);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, orphan);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    transfer->easy = NULL;
    transfer->is_resolving = false;
    transfer->state = TRANSFER_IDLE;
}

static bool is_orphan(const struct transfer *transfer)
{
    return transfer->kind == &orphan_kind;
}

void net_drop_all(struct net *net)
{
    while (!list_is_empty(&net->transfers))
        complete(CONTAINER_OF(net->transfers.next, struct transfer, link));
    while (!list_is_empty(&net->orphans))
        free_orphan(CONTAINER_OF(net->orphans.next, struct transfer, link));
}

/* ---- turns ---- */

static void has_resolved(struct transfer *transfer)
{
    transfer->net->n_resolving -= transfer->is_resolving;
    transfer->is_resolving = false;
}

static void start(struct transfer *transfer)
{
    struct net *net = transfer->net;
    list_remove(&transfer->turn);
    transfer->state = TRANSFER_RUNNING;
    net->n_running++;
    transfer->kind->start(transfer);
}

static bool has_room(const struct net *net, bool is_named)
{
    return net->n_running < net->max_running && (!is_named || net->n_resolving < RESOLVING_MAX);
}

/* Names come first: there are the fewest at once of them. */
void net_start_waiting(struct net *net)
{
    for (int is_named = 1; is_named >= 0; is_named--) {
        struct list *waiting = &net->waiting[is_named];
        while (!list_is_empty(waiting) && has_room(net, is_named))
            start(CONTAINER_OF(waiting->next, struct transfer, turn));
    }
}

void transfer_run(struct transfer *transfer, bool is_named)
{
    BUG_ON(transfer->state != TRANSFER_IDLE);
    transfer->state = TRANSFER_WAITING;
    transfer->is_named = is_named;
    list_append(&transfer->net->waiting[is_named], &transfer->turn);
}

void transfer_perform(struct transfer *transfer, CURL *easy)
{
    struct net *net = transfer->net;
    BUG_ON(transfer->state != TRANSFER_RUNNING || transfer->easy);
    transfer->easy = easy;
    transfer->socket_error = 0;
    transfer->is_refused = false;
    transfer->n_sent = 0;
    transfer->why[0] = '\0';
    transfer->is_resolving = transfer->is_named;
    net->n_resolving += transfer->is_resolving;
    if (curl_multi_add_handle(net->multi, easy) != CURLM_OK)
        memory_need(NULL);
}

void transfer_rest(struct transfer *transfer)
{
    struct net *net = transfer->net;
    list_remove(&transfer->turn);
    if (transfer->is_resolving && !is_orphan(transfer))
        leave_name(transfer);
    if (transfer->state == TRANSFER_RUNNING || transfer->state == TRANSFER_ENDED) {
        if (transfer->easy)
            curl_multi_remove_handle(net->multi, transfer->easy);
        net->n_running--;
        has_resolved(transfer);
    }
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
    transfer->state = TRANSFER_IDLE;
}

void net_end_transfers(struct net *net)
{
    int n;
    CURLMsg *message;
    while ((message = curl_multi_info_read(net->multi, &n))) {
        struct transfer *transfer;
        CURLcode result = message->data.result; /* the message ends with the transfer */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        has_resolved(transfer);
        transfer->state = TRANSFER_ENDED;
        transfer->kind->finished(transfer, result);
    }
}

/* ---- connections ---- */

/* The address is the one that libcurl is about to connect to. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    has_resolved(transfer);
    if (is_orphan(transfer) || purpose != CURLSOCKTYPE_IPCXN ||
        (address->family != AF_INET && address->family != AF_INET6))
        return CURL_SOCKET_BAD;
    struct net_address to = net_address_of(&address->addr);
    transfer->is_refused = !net_policy_permits(&transfer->net->policy, &to);
    if (transfer->is_refused) {
        transfer->refused = to;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    transfer->socket_error = fd < 0 ? errno : 0;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* A connection is there, new or from the pool, and the request is about to be sent. */
static int before_sending(void *context, char *to, char *from, int to_port, int from_port)
{
    struct transfer *transfer = context;
    (void)to, (void)from, (void)to_port, (void)from_port;
    has_resolved(transfer);
    if (is_orphan(transfer) || (transfer->sends_once && transfer->n_sent++ > 0))
        return CURL_PREREQFUNC_ABORT;
    return CURL_PREREQFUNC_OK;
}

#define SET(option, value) (curl_easy_setopt(easy, CURLOPT_##option, value) == CURLE_OK)

/* libcurl (with OpenSSL) keeps a bundle of certificates in memory, but with a directory of them
 * besides, it reads all again for each connection, which takes 25 ms of the thread. */
static bool set_trust(const struct net *net, CURL *easy)
{
    const char *trusted = net->trusted ? net->trusted : curl_version_info(CURLVERSION_NOW)->cainfo;
    return !trusted || (SET(CAINFO, trusted) && SET(CAPATH, NULL));
}

/* QUICK_EXIT: a transfer that ends must not wait for libcurl's helper that waits for a name server;
 * that one ends by itself. */
CURL *transfer_make_easy(struct transfer *transfer, const char *url)
{
    CURL *easy = memory_need(curl_easy_init());
    if (SET(URL, url) && SET(PROTOCOLS_STR, "http,https") && SET(PROXY, "") && SET(NOSIGNAL, 1L) &&
        SET(QUICK_EXIT, 1L) && SET(PRIVATE, transfer) && SET(ERRORBUFFER, transfer->why) &&
        SET(OPENSOCKETFUNCTION, open_socket) && SET(OPENSOCKETDATA, transfer) &&
        SET(PREREQFUNCTION, before_sending) && SET(PREREQDATA, transfer) &&
        SET(CONNECTTIMEOUT, CONNECT_SECONDS) && SET(MAXAGE_CONN, POOLED_SECONDS) &&
        SET(USERAGENT, transfer->net->user_agent) && set_trust(transfer->net, easy))
        return easy;
    curl_easy_cleanup(easy);
    return NULL;
}
