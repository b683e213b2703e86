#include "runtime/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/chain.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/store/backend.h"
#include "schema/allocate.h"

#define BATCH_ENOUGH 10000          /* requests for one transaction */
#define IDLE_NS INT64_C(100000000)  /* after so much time nobody seems to want anything */
#define RETRY_NS INT64_C(250000000) /* how long what found no room waits, at most */

/* The writer's life. In RETRYING, what may be refused was refused, and the rest is tried alone, at
 * once, the last time in the room of the reserve; STUCK waits for room, or for new requests (which
 * are refused).
 *
 *   WRITING  --no room--> RETRYING
 *   RETRYING --no room--> RETRYING once more if there was a reserve to give up, else STUCK
 *   STUCK    --no room--> RETRYING, or STUCK again if there was nothing to refuse or give up
 *   RETRYING, STUCK --written, or nothing left to write--> WRITING
 *   any      --outcome unknown--> BROKEN, for good */
enum writer_state { WRITING, RETRYING, STUCK, BROKEN };

struct store {
    struct backend *backend;
    pthread_t writer;
    sem_t wake; /* posted when the queue stops being empty, and to end the writer */
    struct mpsc queue;
    atomic_bool is_closing;
    void (*stop)(void *context, const char *what);
    void *stop_context;
    /* the writer's */
    enum writer_state state;
    bool is_lean;         /* there is no reserve: the disk is, or was, full */
    bool is_short;        /* results wait for room, and the log says so */
    struct chain pending; /* taken from the queue, not yet carried out */
};

/* ---- chains ---- */

static void chain_add_list(struct chain *chain, struct mpsc_node *first)
{
    *chain->end = first;
    while (*chain->end)
        chain->end = &(*chain->end)->next;
}

/* Moves requests from the beginning of one chain to another, empty one: so many, and on to the end
 * of what was submitted together. */
static void chain_cut(struct chain *from, size_t enough, struct chain *out)
{
    bool is_end = false;
    chain_init(out);
    for (size_t n = 0; from->first && (n < enough || !is_end); n++) {
        struct mpsc_node *node = from->first;
        from->first = node->next;
        is_end = request_of(node)->ends_unit;
        chain_add(out, node);
    }
    if (!from->first)
        from->end = &from->first;
}

/* Puts a chain that is not empty back before another. */
static void chain_put_back(struct chain *chain, struct chain *before)
{
    *before->end = chain->first;
    if (!chain->first)
        chain->end = before->end;
    chain->first = before->first;
}

/* ---- completing ---- */

/* done may free its request, so that nothing here touches one after it. */
static void complete(struct chain *chain, const int *status)
{
    struct store_request *next;
    for (struct store_request *request = request_of(chain->first); request; request = next) {
        next = request_next(request);
        request->done(request, status ? *status : request->status);
    }
    chain_init(chain);
}

static bool may_be_refused(const struct store_request *request)
{
    return request->verb != STORE_FINISH && request->verb != STORE_LOG &&
           request->verb != STORE_DROP_FUTURE && request->verb != STORE_JOURNAL &&
           request->verb != STORE_START;
}

/* What clients bring, as opposed to what becomes of it. */
static bool is_new(const struct store_request *request)
{
    return request->verb == STORE_INSERT ||
           (request->verb == STORE_PUT && (request->only_new || !request->goes_on));
}

/* Takes what is to be refused out of the chain. What stays keeps its order; that it now comes
 * before what was refused is no harm: the refused did not happen, and a FINISH whose INSERT was
 * refused finds no task. */
static void take(struct chain *chain, bool (*is_wanted)(const struct store_request *request),
                 struct chain *taken)
{
    struct chain all;
    chain_cut(chain, SIZE_MAX, &all);
    chain_init(taken);
    for (struct store_request *request = request_of(all.first), *next; request; request = next) {
        next = request_next(request);
        chain_add(is_wanted(request) ? taken : chain, &request->node);
    }
}

/* ---- the writer ---- */

/* For the next request; at most for so long, or (0) for ever. False: the time is over. */
static bool wait_for_request(struct store *store, int64_t most_ns)
{
    struct timespec until;
    int64_t until_ns = clock_now_ns() + most_ns;
    until.tv_sec = until_ns / 1000000000;
    until.tv_nsec = until_ns % 1000000000;
    int rc;
    do
        rc =
            most_ns ? sem_clockwait(&store->wake, CLOCK_MONOTONIC, &until) : sem_wait(&store->wake);
    while (rc != 0 && errno == EINTR);
    return rc == 0;
}

static void break_down(struct store *store, const char *what)
{
    log_line(LOG_ERROR, "store: %s; nothing is written any more", what);
    store->state = BROKEN;
    if (store->stop)
        store->stop(store->stop_context, what);
}

static void say_shortage(struct store *store, bool is_short, int status)
{
    if (store->is_short == is_short)
        return;
    store->is_short = is_short;
    if (is_short)
        log_line(LOG_WARNING, "store: %s: results wait until they can be written",
                 error_code_name((enum error_code) - status));
    else
        log_line(LOG_INFO, "store: the results that waited are written");
}

/* For what must not be refused; true: it may try again. Until the reserve is there again, what is
 * new is refused. */
static bool give_up_reserve(struct store *store, int status)
{
    const struct backend_verbs *verbs = store->backend->verbs;
    if (status != -ERROR_STORE_FULL || !verbs->give_up_reserve)
        return false;
    if (!store->is_lean)
        log_line(LOG_WARNING, "store: the disk is full: what runs goes on in the room that was "
                              "kept for it, and what is new is refused");
    store->is_lean = true;
    return verbs->give_up_reserve(store->backend);
}

/* While there is no reserve; which is made again once something could be written without it. */
static void refuse_the_new(struct store *store)
{
    static const int full = -ERROR_STORE_FULL;
    struct chain refused;
    if (store->state == WRITING && store->backend->verbs->make_reserve(store->backend)) {
        store->is_lean = false;
        log_line(LOG_INFO, "store: there is room on the disk again");
        return;
    }
    take(&store->pending, is_new, &refused);
    complete(&refused, &full);
}

/* Nothing of the batch was done, for now. Clients hear of it at once; what must not be lost stays.
 */
static void hold_back(struct store *store, struct chain *batch, int status)
{
    struct chain refused;
    chain_put_back(&store->pending, batch);
    take(&store->pending, may_be_refused, &refused);
    if (!store->pending.first)
        store->state = WRITING;
    else if ((store->state == RETRYING || !refused.first) && !give_up_reserve(store, status))
        store->state = STUCK;
    else
        store->state = RETRYING;
    if (store->state == STUCK)
        say_shortage(store, true, status);
    complete(&refused, &status);
}

static void settle(struct store *store, bool is_idle)
{
    if (store->backend->verbs->settle(store->backend, is_idle) != 0)
        break_down(store, "a checkpoint failed");
}

/* When stuck, not for long; when all is quiet there may be something left to do. */
static void wait_for_work(struct store *store)
{
    bool is_settled = store->state == BROKEN || store->backend->verbs->is_settled(store->backend);
    if (store->state == STUCK)
        wait_for_request(store, RETRY_NS);
    else if (!wait_for_request(store, is_settled ? 0 : IDLE_NS))
        settle(store, true);
}

static void write_batch(struct store *store)
{
    static const int unknown = -ERROR_STORE_UNKNOWN;
    struct backend *backend = store->backend;
    struct chain batch;
    chain_cut(&store->pending, BATCH_ENOUGH, &batch);
    int status = unknown;
    if (store->state != BROKEN)
        status = backend->verbs->write(backend, request_of(batch.first));
    if (status != 0 && status != unknown) {
        hold_back(store, &batch, status);
        return;
    }
    if (status == unknown) {
        if (store->state != BROKEN)
            break_down(store, "a commit's outcome is unknown");
        complete(&batch, &unknown);
        return;
    }
    store->state = WRITING;
    say_shortage(store, false, 0);
    complete(&batch, NULL);
    settle(store, false);
}

/* Retrying goes without newcomers, who could fill up the room that would do for the results alone.
 */
static void *writer_run(void *context)
{
    static const int full = -ERROR_STORE_FULL;
    struct store *store = context;
    for (;;) {
        bool is_closing = atomic_load(&store->is_closing); /* then nothing more is submitted */
        if (store->state != RETRYING)
            chain_add_list(&store->pending, mpsc_take_all(&store->queue));
        if (store->is_lean && store->state != BROKEN)
            refuse_the_new(store);
        if (store->pending.first)
            write_batch(store);
        else if (is_closing)
            break;
        else
            wait_for_work(store);
        if (store->state == STUCK && is_closing)
            break;
        if (store->state == STUCK)
            wait_for_work(store);
    }
    chain_add_list(&store->pending, mpsc_take_all(&store->queue));
    complete(&store->pending, &full);
    return NULL;
}

/* ---- opening and closing ---- */

/* Signals are for the main thread. */
static int start_writer(struct store *store)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&store->writer, NULL, writer_run, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(store->writer, "awaitd-writer");
    return rc;
}

int store_open(struct store **out, const char *path, struct error *e)
{
    struct store *store = allocate_zeroed(1, sizeof *store);
    if (!store)
        return error_set(e, ERROR_NO_MEMORY, "store: out of memory");
    chain_init(&store->pending);
    sem_init(&store->wake, 0, 0);
    int rc = strcmp(path, ":memory:") == 0 ? memory_open(&store->backend, e)
                                           : sqlite_open(&store->backend, path, e);
    if (rc != 0)
        goto out_store;
    if (store->backend->verbs->make_reserve &&
        !store->backend->verbs->make_reserve(store->backend)) {
        store->is_lean = true;
        log_line(LOG_WARNING, "store: the disk is as good as full: what is new is refused");
    }
    int failure = start_writer(store);
    if (failure != 0) {
        rc = error_set(e, ERROR_SYSTEM, "store: no thread: %s", strerror(failure));
        goto out_backend;
    }
    *out = store;
    return 0;
out_backend:
    store->backend->verbs->close(store->backend);
out_store:
    sem_destroy(&store->wake);
    free(store);
    return rc;
}

void store_close(struct store *store)
{
    atomic_store(&store->is_closing, true);
    sem_post(&store->wake);
    pthread_join(store->writer, NULL);
    store->backend->verbs->close(store->backend);
    sem_destroy(&store->wake);
    free(store);
}

int store_lock(const struct store *store)
{
    const struct backend *backend = store->backend;
    return backend->verbs->lock ? backend->verbs->lock(backend) : -1;
}

bool store_is_lasting(const struct store *store)
{
    return store->backend->verbs->is_lasting;
}

const char *store_kind(const struct store *store)
{
    return store->backend->verbs->kind;
}

void store_on_failure(struct store *store, void (*stop)(void *context, const char *what),
                      void *context)
{
    store->stop = stop;
    store->stop_context = context;
}

void store_submit_all(struct store *store, struct store_request *first)
{
    struct store_request *last = first;
    last->ends_unit = false;
    for (struct store_request *next; (next = request_next(last)); last = next)
        next->ends_unit = false;
    last->ends_unit = true;
    if (mpsc_push_all(&store->queue, &first->node))
        sem_post(&store->wake);
}

void store_submit(struct store *store, struct store_request *request)
{
    request->ends_unit = true;
    if (mpsc_push(&store->queue, &request->node))
        sem_post(&store->wake);
}

struct marks *store_marks(const struct store *store)
{
    return store->backend->marks;
}

/* ---- the backend's affair ---- */

int store_reader_open(struct store_reader **out, struct store *store, struct error *e)
{
    return store->backend->verbs->reader_open(out, store->backend, e);
}

int store_backup(struct store *store, struct store_backup *backup, struct error *e)
{
    return store->backend->verbs->backup(store->backend, backup, e);
}
