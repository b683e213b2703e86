/* Operations: handed to their backends, and back through the host's mailbox. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/host/host_uv_internal.h"

/* Where other threads leave operations for the host. It outlives the host as long as one of them
 * may still come: a function that never returns is given up, but not gone. */
struct mailbox {
    pthread_mutex_t lock;
    struct host_uv *host; /* NULL once it is closed: what comes then is freed */
    struct letter *first, **end;
    size_t refs; /* the host's own, and one for each operation that is not completed; until the host
                  * is closed only its thread counts */
};

static struct operation *operation_of(struct letter *letter)
{
    return CONTAINER_OF(letter, struct operation, letter);
}

/* ---- the mailbox ---- */

static void lock(struct mailbox *mailbox)
{
    BUG_ON(pthread_mutex_lock(&mailbox->lock) != 0);
}

static void unlock(struct mailbox *mailbox)
{
    BUG_ON(pthread_mutex_unlock(&mailbox->lock) != 0);
}

static void free_mailbox(struct mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

static void free_letter(struct letter *letter)
{
    free(letter->news.message);
    free(letter->taken.message);
    operation_free(operation_of(letter));
}

/* Locked. */
static void post(struct mailbox *mailbox, struct letter *letter)
{
    if (letter->is_posted)
        return;
    letter->is_posted = true;
    letter->next = NULL;
    if (!mailbox->first)
        host_uv_wake(mailbox->host);
    *mailbox->end = letter;
    mailbox->end = &letter->next;
}

/* [any] */
static void complete(struct operation *operation)
{
    struct letter *letter = &operation->letter;
    struct mailbox *mailbox = operation->host;
    bool is_last = false;
    lock(mailbox);
    bool is_open = mailbox->host != NULL;
    letter->news.is_complete = true;
    if (is_open)
        post(mailbox, letter);
    else
        is_last = --mailbox->refs == 0;
    unlock(mailbox);
    if (!is_open)
        free_letter(letter);
    if (is_last)
        free_mailbox(mailbox);
}

/* [any] */
static void report(struct operation *operation, double fraction, const char *message)
{
    struct letter *letter = &operation->letter;
    struct mailbox *mailbox = operation->host;
    char *copy = message ? memory_text(message) : NULL, *former = NULL;
    lock(mailbox);
    if (!isnan(fraction))
        letter->news.fraction = fraction;
    if (copy) {
        former = letter->news.message;
        letter->news.message = copy;
    }
    letter->news.has_report = true;
    if (mailbox->host)
        post(mailbox, letter);
    unlock(mailbox);
    free(former);
}

/* ---- what comes in ---- */

static const struct letter_news no_news = {.fraction = NAN};

/* Locked. All letters, linked by next_taken; what comes from now on is news again. */
static struct letter *take_all(struct mailbox *mailbox)
{
    struct letter *first = mailbox->first;
    for (struct letter *l = first; l; l = l->next) {
        l->next_taken = l->next;
        l->taken = l->news;
        l->news = no_news;
        l->is_posted = false;
    }
    mailbox->first = NULL;
    mailbox->end = &mailbox->first;
    return first;
}

static void finish(struct host_uv *host, struct operation *operation)
{
    host->mailbox->refs--;
    if (operation_is_given_up(operation)) {
        free_letter(&operation->letter);
        return;
    }
    list_remove(&operation->link);
    host->n_operations--;
    operation->ended(operation);
}

static void read_letter(struct host_uv *host, struct letter *letter)
{
    struct operation *operation = operation_of(letter);
    const struct letter_news *news = &letter->taken;
    if (news->has_report && operation->progressed && !operation_is_given_up(operation))
        operation->progressed(operation, news->fraction, news->message);
    free(letter->taken.message);
    letter->taken.message = NULL;
    if (news->is_complete)
        finish(host, operation);
}

void host_uv_take_answers(struct host_uv *host)
{
    lock(host->mailbox);
    struct letter *letter = take_all(host->mailbox), *next;
    unlock(host->mailbox);
    for (; letter; letter = next) {
        next = letter->next_taken;
        read_letter(host, letter);
    }
}

/* ---- the port ---- */

void host_uv_begin(struct host *port, struct operation *operation)
{
    struct host_uv *host = (struct host_uv *)port;
    operation->complete = complete;
    operation->report = report;
    operation->letter = (struct letter){.news = no_news};
    operation->host = NULL;
    if (host->is_holding) {
        list_append(&host->held, &operation->link);
        return;
    }
    operation->host = host->mailbox;
    host->mailbox->refs++;
    list_append(&host->operations, &operation->link);
    host->n_operations++;
    struct operation_backend *backend = host->backends[operation->kind];
    backend->begin(backend, operation);
}

void host_uv_give_up(struct host *port, struct operation *operation)
{
    struct host_uv *host = (struct host_uv *)port;
    list_remove(&operation->link);
    if (!operation->host) { /* held */
        operation_free(operation);
        return;
    }
    host->n_operations--;
    atomic_store_explicit(&operation->is_given_up, true, memory_order_relaxed);
    struct operation_backend *backend = host->backends[operation->kind];
    backend->give_up(backend, operation);
}

size_t host_uv_count_leaves(const struct host_uv *host)
{
    return host->n_processes + host->n_operations;
}

/* ---- life ---- */

void host_uv_operations_open(struct host_uv *host)
{
    struct mailbox *mailbox = memory_new_zeroed(1, sizeof *mailbox);
    BUG_ON(pthread_mutex_init(&mailbox->lock, NULL) != 0);
    mailbox->host = host;
    mailbox->refs = 1;
    mailbox->end = &mailbox->first;
    host->mailbox = mailbox;
    list_init(&host->operations);
    list_init(&host->held);
}

/* Locked. Those that are complete, linked by next_taken: others belong to whoever completes them,
 * who frees them as soon as the mailbox is closed. */
static struct letter *take_complete(struct mailbox *mailbox)
{
    struct letter *complete = NULL, *next;
    for (struct letter *l = take_all(mailbox); l; l = next) {
        next = l->next_taken;
        if (!l->taken.is_complete)
            continue;
        mailbox->refs--;
        l->next_taken = complete;
        complete = l;
    }
    return complete;
}

/* No job is left: whatever is still under way was given up. */
void host_uv_operations_close(struct host_uv *host)
{
    struct mailbox *mailbox = host->mailbox;
    BUG_ON(!list_is_empty(&host->operations) || !list_is_empty(&host->held));
    lock(mailbox);
    struct letter *letter = take_complete(mailbox), *next;
    mailbox->host = NULL;
    bool is_last = --mailbox->refs == 0;
    unlock(mailbox);
    for (; letter; letter = next) {
        next = letter->next_taken;
        free_letter(letter);
    }
    if (is_last)
        free_mailbox(mailbox);
}
