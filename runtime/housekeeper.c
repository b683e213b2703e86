#include "runtime/housekeeping.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/timeline.h"
#include "schema/allocate.h"

#define SECOND_NS INT64_C(1000000000)
#define LEAST_PAUSE_NS 1000000 /* after a portion, for others */
#define BUSY_PAUSE_NS 20000000 /* while others have something to write */
#define SHARE 20               /* of the time, at most 1/SHARE is spent looking */
#define SLOW_WALK_NS (60 * SECOND_NS)
#define SPARE_PAGES 256  /* may always be free, and */
#define SPARE_PART 8     /* 1/SPARE_PART of the file: they are used again soon */
#define SHRINK_SLICES 16 /* between two looks at what is free */
#define BUSY_MAX 50      /* so often others go first, until the next round */

/* ---- time ---- */

static void look_at_clock(struct housekeeper *k)
{
    k->now_us = wall_watch_look(&k->wall, clock_wall_us(), clock_now_ns());
}

/* It is watched through restarts, on the same boot. */
static void remember_clock(struct housekeeper *k)
{
    struct clock_note last;
    struct clock_reading now = clock_read();
    if (store_read_clock(k->reader, &last, NULL) == 0 && now.boot[0] &&
        strcmp(last.reading.boot, now.boot) == 0 && last.reading.monotonic_us < now.monotonic_us)
        k->wall = (struct wall_watch){.wall_us = last.reading.wall_us,
                                      .ns = last.reading.monotonic_us * 1000};
}

static void pause_for(struct housekeeper *k, int64_t ns)
{
    int64_t until_ns = clock_now_ns() + ns;
    struct timespec until = {until_ns / SECOND_NS, until_ns % SECOND_NS};
    while (!housekeeper_is_stopping(k) && sem_clockwait(&k->wake, CLOCK_MONOTONIC, &until) != 0)
        if (errno == ETIMEDOUT)
            break;
}

/* ---- asking the writer ---- */

/* [writer] */
static void written(struct store_request *request, int status)
{
    struct asking *asking = CONTAINER_OF(request, struct asking, request);
    asking->status = status;
    sem_post(&asking->keeper->written);
}

void housekeeper_ask(struct housekeeper *k, struct asking *askings, size_t n)
{
    int64_t began_ns = clock_now_ns();
    for (size_t i = 0; i < n; i++) {
        askings[i].keeper = k;
        askings[i].request.done = written;
        store_submit(k->store, &askings[i].request);
    }
    for (size_t i = 0; i < n; i++)
        while (sem_wait(&k->written) != 0)
            ;
    int64_t took_ns = clock_now_ns() - began_ns;
    pause_for(k, took_ns > LEAST_PAUSE_NS ? took_ns : LEAST_PAUSE_NS);
}

bool housekeeper_is_well(struct housekeeper *k, int status, const char *text)
{
    if (status != 0 && !k->has_failed)
        log_line(LOG_WARNING, "old tasks cannot be forgotten for now: %s",
                 text ? text : error_code_name((enum error_code) - status));
    k->has_failed |= status != 0;
    return status == 0;
}

/* ---- the file ---- */

static bool has_much_free(struct housekeeper *k, uint64_t *n_free)
{
    struct store_space space;
    struct error e;
    if (store_read_space(k->reader, &space, &e) != 0)
        return false;
    *n_free = space.n_free;
    return space.n_free > SPARE_PAGES && space.n_free > space.n_pages / SPARE_PART;
}

/* One portion, as soon as nobody else writes; false when that does not come to pass, or fails. */
static bool shrink_a_little(struct housekeeper *k)
{
    int status = -ERROR_CONFLICT;
    for (int i = 0; i < BUSY_MAX && status == -ERROR_CONFLICT && !housekeeper_is_stopping(k); i++) {
        struct asking asking = {.request = {.verb = STORE_SHRINK}};
        housekeeper_ask(k, &asking, 1);
        status = asking.status;
        if (status == -ERROR_CONFLICT)
            pause_for(k, BUSY_PAUSE_NS);
    }
    return status == 0;
}

static void shrink(struct housekeeper *k)
{
    uint64_t n_free, before = UINT64_MAX;
    bool goes_on = true;
    while (goes_on && has_much_free(k, &n_free) && n_free < before && !housekeeper_is_stopping(k)) {
        before = n_free;
        for (int i = 0; i < SHRINK_SLICES && goes_on; i++)
            goes_on = shrink_a_little(k);
    }
}

/* ---- the thread ---- */

/* When to look again, after a look that took so long. */
static int64_t next_look(int64_t began_ns, int64_t least_ns)
{
    int64_t ns = clock_now_ns(), pause_ns = (ns - began_ns) * SHARE;
    return ns + (pause_ns > least_ns ? pause_ns : least_ns);
}

static int64_t walk_period(const struct housekeeper *k)
{
    int64_t least_us = retention_least_age(&k->retention);
    bool is_slow = !retention_has_count(&k->retention) && least_us > SLOW_WALK_NS / 1000;
    return is_slow ? SLOW_WALK_NS : SECOND_NS;
}

static void do_round(struct housekeeper *k)
{
    int64_t began_ns = clock_now_ns();
    memset(k->groups, 0, sizeof k->groups);
    k->n_forgotten = k->n_ids = 0;
    if (began_ns >= k->next_sweep_ns) {
        sweep_expired(k);
        k->next_sweep_ns = next_look(began_ns, SECOND_NS);
    }
    began_ns = clock_now_ns();
    if (retention_has_limit(&k->retention) && began_ns >= k->next_walk_ns &&
        !housekeeper_is_stopping(k)) {
        sweep_retained(k);
        k->next_walk_ns = next_look(began_ns, walk_period(k));
    }
    if (k->n_forgotten)
        log_line(LOG_DEBUG, "forgotten, as their time was over: %zu task%s", k->n_forgotten,
                 k->n_forgotten == 1 ? "" : "s");
    shrink(k);
}

static void *run(void *context)
{
    struct housekeeper *k = context;
    while (!housekeeper_is_stopping(k)) {
        look_at_clock(k);
        do_round(k);
        pause_for(k, SECOND_NS);
    }
    return NULL;
}

/* Signals are for the main thread. */
static int start_thread(struct housekeeper *k)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&k->thread, NULL, run, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure == 0)
        pthread_setname_np(k->thread, "awaitd-keeper");
    return failure;
}

static void release(struct housekeeper *k)
{
    if (k->reader)
        store_reader_close(k->reader);
    sem_destroy(&k->wake);
    sem_destroy(&k->written);
    free(k);
}

int housekeeper_start(struct housekeeper **out, struct store *store,
                      const struct retention *retention, struct error *e)
{
    struct housekeeper *k = allocate_zeroed(1, sizeof *k);
    if (!k)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    k->store = store;
    k->retention = *retention;
    sem_init(&k->wake, 0, 0);
    sem_init(&k->written, 0, 0);
    int status = store_reader_open(&k->reader, store, e);
    if (status == 0)
        remember_clock(k);
    int failure = status == 0 ? start_thread(k) : 0;
    if (failure)
        status = error_set(e, ERROR_SYSTEM, "no thread to keep house: %s", strerror(failure));
    if (status != 0)
        release(k);
    else
        *out = k;
    return status;
}

void housekeeper_stop(struct housekeeper *k)
{
    if (!k)
        return;
    atomic_store(&k->is_stopping, true);
    sem_post(&k->wake);
    pthread_join(k->thread, NULL);
    release(k);
}
