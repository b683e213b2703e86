/* The simulated server dies, and goes on from its journal. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/replay.h"
#include "runtime/semaphore.h"
#include "runtime/store/journal_row.h"
#include "tests/sim/sim_internal.h"

/* ---- the world outside ---- */

void crash_remember(struct sim *sim, const struct leaf *leaf, int64_t due_ns)
{
    struct crash_disk *disk = &sim->disk;
    if (!disk->is_crashing)
        return;
    disk->leaves = memory_resize(disk->leaves, (disk->n_leaves + 1) * sizeof *disk->leaves);
    disk->leaves[disk->n_leaves++] =
        (struct crash_leaf){leaf->task->number, leaf->task->current, due_ns};
}

int64_t crash_recall(struct sim *sim, const struct leaf *leaf, int64_t due_ns)
{
    struct crash_disk *disk = &sim->disk;
    for (size_t i = 0; i < disk->n_leaves; i++) {
        struct crash_leaf *was = &disk->leaves[i];
        if (was->task == leaf->task->number && was->node == leaf->task->current) {
            due_ns = was->due_ns - (sim->c->leaves_first ? 1 : 0);
            *was = disk->leaves[--disk->n_leaves];
            break;
        }
    }
    return due_ns;
}

/* ---- the disk ---- */

/* Whether there was anything new. */
static bool flush(struct sim *sim)
{
    struct crash_disk *disk = &sim->disk;
    size_t n;
    struct journal_row *rows = journal_collect(&sim->loop, &n);
    for (size_t i = 0; i < n; i++) {
        BUG_ON(rows[i].n != disk->n_rows + 1);
        disk->n_rows = rows[i].n;
        buffer_add(&disk->entries, rows[i].entries, rows[i].size);
        free(rows[i].entries);
    }
    free(rows);
    sim->loop.journals.n_stored = sim->loop.journals.n_flushes;
    job_release_held(sim->job);
    return n > 0;
}

/* ---- death and resurrection ---- */

static void die(struct sim *sim)
{
    for (size_t i = 0; i < sim_count_requests(sim->c); i++)
        timer_disarm(&sim->loop.timers, &sim->requests[i].timer);
    sim->disk.is_crashing = true;
    loop_release(&sim->loop);
    sim->disk.is_crashing = false;
}

static void rise(struct sim *sim)
{
    struct crash_disk *disk = &sim->disk;
    struct semaphore_claims claims = {0};
    char why[300];
    sim_start(sim, disk->n_rows > 0);
    for (size_t i = 0; i < sim_count_requests(sim->c); i++)
        if (!sim->requests[i].has_happened)
            sim_arm_request(sim, &sim->requests[i]);
    sim->job->started_ns = 0;
    sim->job->is_resuming = true;
    if (disk->n_rows == 0)
        return;
    char *entries = memory_new(disk->entries.size);
    memcpy(entries, disk->entries.bytes, disk->entries.size);
    if (!replay_run(sim->job, entries, disk->entries.size, disk->n_rows, why)) {
        fprintf(stderr, "crash: %s\n", why);
        abort();
    }
    semaphore_collect_claims(&claims, sim->job);
    semaphore_restore_claims(&claims, &sim->loop);
    replay_go_live(sim->job);
}

/* Long runs less and less often: each time all that was done is done again. */
static bool is_time(const struct sim *sim)
{
    uint32_t n = sim->disk.n_rounds;
    return n % (sim->c->crash_every * (1 + n / 50)) == 0;
}

void crash_after_round(struct sim *sim)
{
    if (!flush(sim))
        return;
    sim->disk.n_rounds++;
    if (!is_time(sim))
        return;
    die(sim);
    rise(sim);
}

void crash_release(struct sim *sim)
{
    buffer_release(&sim->disk.entries);
    free(sim->disk.leaves);
}
