/* Power cuts: at every sync of random workloads, with what was not synced damaged in many ways, the
 * database opens, passes its checks, and holds all that was acknowledged: exactly what it held
 * after the last batch that was, or after the one under way then.
 *
 * POWER_SEED=1 POWER_WORKLOADS=50 in the environment make it longer (make check-power). */
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/store/check.h"
#include "schema/embedded.h"
#include "tests/store/digest.h"
#include "tests/store/disk_image.h"
#include "tests/store/fixture.h"
#include "tests/store/workload.h"

#define BATCHES 30       /* at most */
#define BATCHES_SHORT 12 /* where nobody asks for more */
/* Three of these are more than a log is left to be: the next commits begin it anew. */
#define LARGE 3000000

enum mark { MARK_SUBMITTED, MARK_DONE };

/* ---- a workload, recorded ---- */

struct run {
    uint64_t seed;
    int from_version; /* 0: begins with no file */
    size_t n_batches;
    struct recording recording;
    uint64_t digests[BATCHES + 1]; /* [i]: after the first i batches */
    size_t n_images, n_boundaries, n_checkpoints;
};

static size_t under_way; /* the batch; main writes it while the writer is held */

/* [writer] */
static void mark_done(struct write *write)
{
    (void)write;
    recording_mark(MARK_DONE, under_way);
}

/* All in one transaction. */
static void run_batch(struct write **batch, size_t n)
{
    writer_hold();
    recording_mark(MARK_SUBMITTED, ++under_way);
    for (size_t i = 0; i < n; i++) {
        batch[i]->on_done = mark_done;
        write_submit(batch[i]);
    }
    writer_release();
    for (size_t i = 0; i < n; i++) {
        int status = write_wait(batch[i]);
        CU_ASSERT(status == 0 || status == -ERROR_NOT_FOUND || status == -ERROR_CONFLICT ||
                  status == -ERROR_REPEATED);
    }
}

static void run_batches(struct run *run)
{
    struct workload w;
    struct chance chance = chance_of(run->seed, 2);
    struct write *batch[WORKLOAD_BATCH];
    bool is_large = run->seed % 5 == 0;
    workload_init(&w, run->seed);
    for (size_t i = 0; i < run->n_batches; i++) {
        size_t n = workload_next(&w, batch);
        if (is_large && i >= 8 && i <= 12 && i % 2 == 0)
            batch[n++] = workload_large(&w, LARGE);
        run_batch(batch, n);
        run->digests[i + 1] = digest_of(fixture.path);
        if (chance_percent(&chance, 8)) {
            fixture_close();
            fixture_open();
        }
    }
}

static void make_older(int version)
{
    static const char rows[] =
        "INSERT INTO specs VALUES (1, '[1]'), (2, '[2]');"
        "INSERT INTO outcomes VALUES (2, NULL, NULL, NULL, X'7400');"
        "INSERT INTO tasks (id, state, created_at, started_at, finished_at, spec, result, labels)"
        " VALUES (X'00000000000000000000000000000001', 0, 1, NULL, NULL, 1, NULL, '{\"k\":\"v\"}'),"
        " (X'00000000000000000000000000000002', 2, 1, 2, 3, 2, '[4]', NULL);"
        "INSERT INTO labels VALUES ('k', 'v', X'00000000000000000000000000000001');";
    make_version(version, rows);
}

static void record(struct run *run)
{
    fixture_make_folder();
    under_way = 0;
    run->from_version = run->seed % 2 ? 0 : (int)(run->seed / 2 % (size_t)embedded_n_migrations);
    if (run->from_version > 0)
        make_older(run->from_version);
    recording_begin(fixture.folder);
    fixture_open();
    recording_mark(MARK_DONE, 0);
    run->digests[0] = digest_of(fixture.path);
    run_batches(run);
    fixture_close();
    run->recording = recording_end();
    fixture_tear_down();
}

/* ---- the images ---- */

static void empty_folder(const char *folder)
{
    DIR *names = opendir(folder);
    for (struct dirent *entry; (entry = readdir(names));) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(names);
}

/* Of an index of the log nothing is expected: often there is rubbish of the same name. */
static void leave_rubbish(struct chance *chance, const char *path)
{
    char name[400];
    if (chance_percent(chance, 50))
        return;
    snprintf(name, sizeof name, "%s-shm", path);
    FILE *file = fopen(name, "w");
    for (uint64_t n = chance_below(chance, 9000); n > 0; n--)
        fputc((int)chance_next(chance) & 0xff, file);
    fclose(file);
}

static void say(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static bool is_in_order(const char *path, int version)
{
    struct store_check check = {.each = say};
    struct error e = {0};
    int rc = store_check(&check, path, &e);
    if (rc != 0)
        fprintf(stderr, "%s\n", e.text);
    return rc == 0 && check.n_violations == 0 && check.version == version;
}

/* Which batch it is the state after; or -1: it is none of those that it may be. */
static int state_of(const struct run *run, const char *path, size_t done, size_t submitted)
{
    uint64_t digest = digest_of(path);
    for (size_t i = done; i <= submitted; i++)
        if (run->digests[i] == digest)
            return (int)i;
    return -1;
}

/* A database that was upgraded (maybe just now) has the copy of what it was beside it, and whole.
 */
static bool has_copy(const struct run *run, const char *path)
{
    char copy[200];
    snprintf(copy, sizeof copy, "%s.v%d", path, run->from_version);
    return run->from_version == 0 || is_in_order(copy, run->from_version);
}

static bool is_good(const struct run *run, const char *path, size_t done, size_t submitted)
{
    struct store *store;
    struct error e = {0};
    if (store_open(&store, path, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        return false;
    }
    int state = state_of(run, path, done, submitted);
    store_close(store);
    if (state < 0)
        fprintf(stderr, "not what it was after batch %zu to %zu\n", done, submitted);
    return state >= 0 && is_in_order(path, embedded_n_migrations) && has_copy(run, path);
}

/* False: the image was not good, and one is enough. */
static bool check_cut(struct run *run, const struct disk *disk, size_t at, unsigned damage,
                      size_t done, size_t submitted)
{
    char path[100];
    struct chance chance = chance_of(run->seed * 1000003 + at, damage);
    snprintf(path, sizeof path, "%s/a.db", fixture.folder);
    disk_cut(disk, damage, &chance, fixture.folder);
    leave_rubbish(&chance, path);
    bool ok = is_good(run, path, done, submitted);
    if (!ok)
        fprintf(stderr, "POWER_SEED=%llu: event %zu, damage %u\n", (unsigned long long)run->seed,
                at, damage);
    CU_ASSERT_TRUE(ok);
    run->n_images++;
    empty_folder(fixture.folder);
    return ok;
}

/* Just before each sync, and just after it. Where all is safe, damage makes no difference. The
 * first events are what was there before. */
static void cut_everywhere(struct run *run)
{
    struct disk *disk = disk_new(&run->recording);
    const struct disk_event *event;
    size_t at = 0, done = 0, submitted = 0;
    bool was_sync = false, ok = true;
    for (; disk_next(disk)->op != DISK_SYNC_FOLDER; at++)
        ;
    for (at++; ok && (event = disk_peek(disk)); at++) {
        bool is_sync = event->op == DISK_SYNC || event->op == DISK_SYNC_FOLDER;
        unsigned n = disk_is_unsettled(disk) ? DAMAGES : 1;
        for (unsigned damage = 0; (is_sync || was_sync) && damage < n && ok; damage++)
            ok = check_cut(run, disk, at, damage, done, submitted);
        run->n_boundaries += is_sync;
        run->n_checkpoints += event->op == DISK_SYNC && strcmp(event->name, "a.db") == 0;
        if (event->op == DISK_MARK)
            *(event->at == MARK_DONE ? &done : &submitted) = event->size;
        was_sync = is_sync;
        disk_next(disk);
    }
    CU_ASSERT_EQUAL(done, ok ? run->n_batches : done);
    disk_free(disk);
}

/* ---- the tests ---- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 10) : otherwise;
}

static void test_power_cuts(void)
{
    uint64_t seed = setting("POWER_SEED", 1), n = setting("POWER_WORKLOADS", 2);
    size_t n_images = 0, n_boundaries = 0, n_checkpoints = 0;
    fixture_tear_down();
    fixture_be_quick(true);
    log_configure(LOG_HUMAN, LOG_WARNING);
    for (uint64_t i = 0; i < n; i++) {
        struct run run = {.seed = seed + i, .n_batches = BATCHES};
        if (!getenv("POWER_WORKLOADS"))
            run.n_batches = BATCHES_SHORT;
        record(&run);
        fixture_make_folder();
        cut_everywhere(&run);
        fixture_tear_down();
        recording_release(&run.recording);
        n_images += run.n_images;
        n_boundaries += run.n_boundaries;
        n_checkpoints += run.n_checkpoints;
    }
    log_configure(LOG_HUMAN, LOG_INFO);
    fixture_be_quick(false);
    fprintf(stderr,
            "(seeds %llu to %llu: %zu sync boundaries, %zu of them of checkpoints; %zu images) ",
            (unsigned long long)seed, (unsigned long long)(seed + n - 1), n_boundaries,
            n_checkpoints, n_images);
    fixture_make_folder();
}

CU_TestInfo tests_power[] = {
    {"power cuts", test_power_cuts},
    CU_TEST_INFO_NULL,
};
