#include "runtime/host/host_post_transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/host/host_net_address.h"
#include "schema/allocate.h"

#define IDLE_CONNECTIONS_MAX 16L
#define REDIRECTS_MAX 5L

/* One try of one post. */
struct transfer {
    struct list link; /* in running */
    struct post *post;
    CURL *easy;
    const struct net_policy *policy;
    bool is_refused; /* the policy refused the last address that it came to: */
    struct net_address refused;
    char why[CURL_ERROR_SIZE];
};

/* ---- all of them ---- */

/* "Expect:" says not to ask first whether a big body is welcome, which only costs time. */
static struct curl_slist *make_headers(void)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (headers && curl_slist_append(headers, "Expect:"))
        return headers;
    curl_slist_free_all(headers);
    return NULL;
}

bool transfers_init(struct transfers *transfers, const struct poster_options *options)
{
    *transfers = (struct transfers){.policy = options->policy,
                                    .connect_timeout_ms = (long)options->connect_timeout_ms,
                                    .timeout_ms = (long)options->timeout_ms};
    list_init(&transfers->running);
    transfers->user_agent = allocate_text(options->user_agent);
    transfers->headers = make_headers();
    transfers->multi = curl_multi_init();
    return transfers->user_agent && transfers->headers && transfers->multi &&
           curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS_MAX) ==
               CURLM_OK;
}

void transfers_release(struct transfers *transfers)
{
    BUG_ON(!list_is_empty(&transfers->running));
    curl_multi_cleanup(transfers->multi);
    curl_slist_free_all(transfers->headers);
    free(transfers->user_agent);
}

void transfers_run(struct transfers *transfers)
{
    int n;
    curl_multi_perform(transfers->multi, &n);
}

void transfers_wait(struct transfers *transfers, int64_t ms)
{
    curl_multi_poll(transfers->multi, NULL, 0, (int)ms, NULL);
}

void transfers_wake(struct transfers *transfers)
{
    curl_multi_wakeup(transfers->multi);
}

/* ---- the beginning of one ---- */

static size_t ignore(char *data, size_t size, size_t n, void *context)
{
    (void)data, (void)context;
    return size * n;
}

#define SET(option, value) (curl_easy_setopt(easy, CURLOPT_##option, value) == CURLE_OK)

static bool set_what(const struct transfers *transfers, const struct post *post, CURL *easy)
{
    return SET(POST, 1L) && SET(POSTFIELDS, post->body) &&
           SET(POSTFIELDSIZE_LARGE, (curl_off_t)post->size) &&
           SET(HTTPHEADER, transfers->headers) && SET(USERAGENT, transfers->user_agent) &&
           SET(WRITEFUNCTION, ignore);
}

/* 301 and 302 ask for the same POST elsewhere; 303 says that it was done, and where to look. */
static bool set_where(const char *url, CURL *easy)
{
    const char *redirected = strncasecmp(url, "https:", 6) == 0 ? "https" : "http,https";
    return SET(URL, url) && SET(PROTOCOLS_STR, "http,https") &&
           SET(REDIR_PROTOCOLS_STR, redirected) && SET(FOLLOWLOCATION, 1L) &&
           SET(MAXREDIRS, REDIRECTS_MAX) &&
           SET(POSTREDIR, (long)(CURL_REDIR_POST_301 | CURL_REDIR_POST_302));
}

/* libcurl (with OpenSSL) keeps a bundle of certificates in memory, but with a directory of them
 * besides, it reads all again for each connection, which takes 25 ms of the thread. */
static bool set_trust(CURL *easy)
{
    return !curl_version_info(CURLVERSION_NOW)->cainfo || SET(CAPATH, NULL);
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    if (purpose != CURLSOCKTYPE_IPCXN ||
        (address->family != AF_INET && address->family != AF_INET6))
        return CURL_SOCKET_BAD;
    transfer->refused = net_address_of(&address->addr);
    transfer->is_refused =
        transfer->policy && !net_policy_permits(transfer->policy, &transfer->refused);
    if (transfer->is_refused)
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* QUICK_EXIT: when the transfer's time is over, libcurl must not wait for its helper that waits for
 * a name server; that one ends by itself. */
static bool set_limits(const struct transfers *transfers, struct transfer *transfer, CURL *easy)
{
    return SET(CONNECTTIMEOUT_MS, transfers->connect_timeout_ms) &&
           SET(TIMEOUT_MS, transfers->timeout_ms) && SET(NOSIGNAL, 1L) && SET(QUICK_EXIT, 1L) &&
           SET(OPENSOCKETFUNCTION, open_socket) && SET(OPENSOCKETDATA, transfer) &&
           SET(PRIVATE, transfer) && SET(ERRORBUFFER, transfer->why);
}

bool transfers_begin(struct transfers *transfers, struct post *post)
{
    struct transfer *transfer = allocate_zeroed(1, sizeof *transfer);
    CURL *easy = curl_easy_init();
    if (transfer)
        transfer->policy = transfers->policy;
    if (transfer && easy && set_what(transfers, post, easy) && set_where(post->target->url, easy) &&
        set_trust(easy) && set_limits(transfers, transfer, easy) &&
        curl_multi_add_handle(transfers->multi, easy) == CURLM_OK) {
        transfer->post = post;
        transfer->easy = easy;
        list_append(&transfers->running, &transfer->link);
        transfers->n_running++;
        return true;
    }
    curl_easy_cleanup(easy);
    free(transfer);
    return false;
}

/* ---- the end of one ---- */

static struct post *end(struct transfers *transfers, struct transfer *transfer)
{
    struct post *post = transfer->post;
    curl_multi_remove_handle(transfers->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    list_remove(&transfer->link);
    transfers->n_running--;
    free(transfer);
    return post;
}

/* That is not about to change. */
static void judge_refusal(const struct transfer *transfer, struct outcome *outcome)
{
    struct buffer why = {0};
    net_policy_explain(&transfer->refused, &why);
    snprintf(outcome->why, sizeof outcome->why, "%s", why.bytes ? why.bytes : "out of memory");
    buffer_release(&why);
    outcome->may_retry = false;
}

/* The receiver's status line counts, whatever came after it: what it took is not sent again. */
static void judge(const struct transfer *transfer, CURLcode result, struct outcome *outcome)
{
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    *outcome = (struct outcome){.is_delivered = status / 100 == 2,
                                .may_retry = result != CURLE_URL_MALFORMAT &&
                                             result != CURLE_UNSUPPORTED_PROTOCOL};
    if (transfer->is_refused && result == CURLE_COULDNT_CONNECT)
        judge_refusal(transfer, outcome);
    else if (result == CURLE_OK)
        snprintf(outcome->why, sizeof outcome->why, "answered %ld", status);
    else
        snprintf(outcome->why, sizeof outcome->why, "%s",
                 transfer->why[0] ? transfer->why : curl_easy_strerror(result));
}

struct post *transfers_take_ended(struct transfers *transfers, struct outcome *outcome)
{
    int n;
    struct transfer *transfer;
    CURLMsg *message = curl_multi_info_read(transfers->multi, &n);
    if (!message)
        return NULL;
    CURLcode result = message->data.result; /* the message ends with the transfer */
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    judge(transfer, result, outcome);
    return end(transfers, transfer);
}

struct post *transfers_take_running(struct transfers *transfers)
{
    if (list_is_empty(&transfers->running))
        return NULL;
    return end(transfers, CONTAINER_OF(transfers->running.next, struct transfer, link));
}
