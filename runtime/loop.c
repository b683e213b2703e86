#include "runtime/loop.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/semaphore.h"

/* ---- the table of jobs ---- */

#define BUCKETS_MIN 64

/* The last eight bytes of an id are random (schema/id.h). */
static size_t bucket_of(const struct loop *loop, const struct id *id)
{
    uint64_t random;
    memcpy(&random, id->bytes + 8, sizeof random);
    return (size_t)(random >> 8) & (loop->n_buckets - 1);
}

static void grow_table(struct loop *loop)
{
    struct job **old = loop->table;
    size_t n_old = loop->n_buckets;
    loop->n_buckets = n_old * 2;
    loop->table = memory_new_zeroed(loop->n_buckets, sizeof *loop->table);
    for (size_t i = 0; i < n_old; i++) {
        for (struct job *job = old[i]; job;) {
            struct job *next = job->next;
            size_t bucket = bucket_of(loop, &job->record->id);
            job->next = loop->table[bucket];
            loop->table[bucket] = job;
            job = next;
        }
    }
    free(old);
}

void loop_add(struct loop *loop, struct job *job)
{
    if (loop->n_jobs >= loop->n_buckets)
        grow_table(loop);
    size_t bucket = bucket_of(loop, &job->record->id);
    job->next = loop->table[bucket];
    loop->table[bucket] = job;
    loop->n_jobs++;
}

void loop_remove(struct loop *loop, struct job *job)
{
    struct job **link = &loop->table[bucket_of(loop, &job->record->id)];
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    loop->n_jobs--;
}

struct job *loop_find(struct loop *loop, const struct id *id)
{
    struct job *job = loop->table[bucket_of(loop, id)];
    while (job && id_compare(&job->record->id, id) != 0)
        job = job->next;
    return job;
}

/* ---- life ---- */

void loop_init(struct loop *loop, struct host *host, const struct loop_events *events,
               void *context)
{
    *loop =
        (struct loop){.host = host, .events = events, .context = context, .max_result = SIZE_MAX};
    list_init(&loop->ready);
    list_init(&loop->journals.dirty);
    loop->n_buckets = BUCKETS_MIN;
    loop->table = memory_new_zeroed(BUCKETS_MIN, sizeof *loop->table);
}

void loop_release(struct loop *loop)
{
    loop->is_released = true;
    for (size_t i = 0; i < loop->n_buckets; i++) {
        while (loop->table[i]) {
            struct job *job = loop->table[i];
            loop_remove(loop, job);
            job_free(job);
        }
    }
    free(loop->table);
    timer_heap_release(&loop->timers);
    timer_heap_release(&loop->wall_timers);
    cancel_walk_free(loop->walk);
    semaphores_release(loop);
}

/* ---- timers ---- */

int64_t loop_timeline(const struct loop *loop)
{
    return loop->host->now_ns(loop->host) / 1000 + loop->timeline_us;
}

int64_t loop_host_time(const struct loop *loop, int64_t timeline_us)
{
    int64_t us = timeline_us - loop->timeline_us;
    return us < INT64_MAX / 1000 ? us * 1000 : INT64_MAX - 1;
}

void loop_arm(struct loop *loop, struct timer *timer, int64_t due_ns)
{
    timer->is_wall = false;
    timer_arm(&loop->timers, timer, due_ns);
}

void loop_arm_wall(struct loop *loop, struct timer *timer, int64_t at_us)
{
    timer->is_wall = true;
    timer_arm(&loop->wall_timers, timer, at_us);
}

void loop_disarm(struct loop *loop, struct timer *timer)
{
    if (timer->state == TIMER_ARMED)
        timer_disarm(timer->is_wall ? &loop->wall_timers : &loop->timers, timer);
}

/* ---- turns ---- */

void loop_make_ready(struct loop *loop, struct job *job)
{
    if (job->is_queued)
        return;
    job->is_queued = true;
    list_append(&loop->ready, &job->ready_link);
}

void loop_hold(struct job *job)
{
    job->is_held = true;
    list_remove(&job->ready_link);
    job->is_queued = false;
}

void loop_resume(struct job *job)
{
    job->is_held = false;
    if (job->phase != JOB_ENDED && job->ready.head != job->ready.tail)
        loop_make_ready(job->loop, job);
}

/* At most `most` of them; how many. */
static uint32_t fire_due(struct timer_heap *heap, int64_t now, uint32_t most)
{
    struct timer *timer;
    uint32_t n = 0;
    while (n < most && (timer = timer_take_due(heap, now))) {
        timer->fire(timer);
        n++;
    }
    return n;
}

void loop_fire_due(struct loop *loop, int64_t now_ns, int64_t wall_us)
{
    uint32_t most = loop->slice ? loop->slice : UINT32_MAX;
    most -= fire_due(&loop->wall_timers, wall_us, most);
    fire_due(&loop->timers, now_ns, most);
}

/* job_turn, under asyncio's slow_callback_duration. */
static bool time_turn(struct loop *loop, struct job *job, uint32_t budget)
{
    int64_t began_ns = loop->host->now_ns(loop->host);
    bool has_ended = job_turn(job, budget);
    int64_t took_ns = loop->host->now_ns(loop->host) - began_ns;
    if (took_ns > loop->slow_callback_ns)
        loop->events->slow(loop->context, job, took_ns);
    return has_ended;
}

static void give_turn(struct loop *loop, struct job *job, uint32_t budget)
{
    list_remove(&job->ready_link);
    job->is_queued = false;
    if (job->phase == JOB_ENDED)
        return;
    journal_goes_on(job);
    if (loop->slow_callback_ns ? time_turn(loop, job, budget) : job_turn(job, budget)) {
        loop->events->ended(loop->context, job);
        return;
    }
    if (job->ready.head != job->ready.tail)
        loop_make_ready(loop, job);
}

void loop_run_until_idle(struct loop *loop, struct job *job)
{
    while (job->is_queued && job->phase != JOB_ENDED)
        give_turn(loop, job, UINT32_MAX);
}

int64_t loop_give_turns(struct loop *loop)
{
    struct list now; /* those that are ready as this round begins */
    list_init(&now);
    while (!list_is_empty(&loop->ready)) {
        struct list *l = loop->ready.next;
        list_remove(l);
        list_append(&now, l);
    }
    while (!list_is_empty(&now))
        give_turn(loop, CONTAINER_OF(now.next, struct job, ready_link),
                  loop->slice ? loop->slice : UINT32_MAX);
    if (!list_is_empty(&loop->ready))
        return 0;
    return timer_next(&loop->timers);
}

/* How long the wall clock may have been set forward before its timers see it. */
#define WALL_LOOK_US 1000000

int64_t loop_next(const struct loop *loop, int64_t next_ns, int64_t now_ns, int64_t wall_us)
{
    int64_t due_us = timer_next(&loop->wall_timers), look_ns;
    if (due_us == INT64_MAX || next_ns == 0)
        return next_ns;
    if (due_us <= wall_us)
        return 0;
    look_ns = due_us < wall_us + WALL_LOOK_US ? (due_us - wall_us) * 1000 : WALL_LOOK_US * 1000;
    return now_ns + look_ns < next_ns ? now_ns + look_ns : next_ns;
}

int64_t loop_run(struct loop *loop)
{
    struct host *host = loop->host;
    loop_fire_due(loop, host->now_ns(host), loop->wall_timers.n ? host->wall_us(host) : INT64_MIN);
    int64_t next_ns = loop_give_turns(loop);
    if (next_ns == 0 || loop->wall_timers.n == 0)
        return next_ns;
    return loop_next(loop, next_ns, host->now_ns(host), host->wall_us(host));
}
