#include "runtime/timeline.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "schema/allocate.h"

/* ---- the arithmetic ---- */

static int64_t add_or_most(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* From a to b, at least 0. */
static int64_t distance(int64_t a, int64_t b)
{
    int64_t difference;
    if (b <= a)
        return 0;
    return __builtin_sub_overflow(b, a, &difference) ? INT64_MAX : difference;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool is_same_boot(const struct clock_reading *a, const struct clock_reading *b)
{
    return a->boot[0] && strcmp(a->boot, b->boot) == 0 && a->monotonic_us <= b->monotonic_us;
}

int64_t timeline_at(const struct clock_note *last, const struct clock_reading *now)
{
    if (!last)
        return later(now->wall_us, 1);
    int64_t gone_us = is_same_boot(&last->reading, now)
                          ? distance(last->reading.monotonic_us, now->monotonic_us)
                          : distance(last->reading.wall_us, now->wall_us);
    return later(add_or_most(last->timeline_us, gone_us), 1);
}

struct timeline timeline_go_on(const struct clock_note *last, const struct clock_reading *now)
{
    bool is_slow = last && now->wall_us < last->reading.wall_us;
    struct timeline timeline = {.offset_us = timeline_at(last, now) - now->monotonic_us,
                                .wall_floor_us = is_slow ? last->reading.wall_us : INT64_MIN};
    memcpy(timeline.boot, now->boot, sizeof timeline.boot);
    return timeline;
}

struct clock_note timeline_note(const struct timeline *timeline, const struct clock_reading *now)
{
    struct clock_note note = {.reading = *now,
                              .timeline_us = add_or_most(now->monotonic_us, timeline->offset_us)};
    note.reading.wall_us = later(now->wall_us, timeline->wall_floor_us);
    return note;
}

/* ---- the clocks ---- */

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* Where there is none every start counts as one after a reboot. */
static void read_boot(char boot[CLOCK_BOOT_SIZE])
{
    int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, boot, CLOCK_BOOT_SIZE - 1) : 0;
    boot[size > 0 ? size : 0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    if (fd >= 0)
        close(fd);
}

struct clock_reading clock_read(void)
{
    struct clock_reading reading = {.monotonic_us = clock_now_ns() / 1000,
                                    .wall_us = clock_wall_us()};
    read_boot(reading.boot);
    return reading;
}

int timeline_open(struct store *store, struct timeline *out, struct error *e)
{
    struct store_reader *reader;
    struct clock_note last;
    int status = store_reader_open(&reader, store, e);
    if (status < 0)
        return status;
    status = store_read_clock(reader, &last, e);
    store_reader_close(reader);
    if (status < 0 && status != -ERROR_NOT_FOUND)
        return status;
    struct clock_reading now = clock_read();
    *out = timeline_go_on(status == 0 ? &last : NULL, &now);
    return 0;
}

/* ---- writing down ---- */

struct clock_request {
    struct store_request request;
    struct clock_note note;
};

/* [writer] Whatever came of it: the next one says it too. */
static void written(struct store_request *request, int status)
{
    (void)status;
    free(CONTAINER_OF(request, struct clock_request, request));
}

struct store_request *timeline_write(const struct timeline *timeline, int64_t *written_ns)
{
    struct clock_reading now = {.monotonic_us = clock_now_ns() / 1000, .wall_us = clock_wall_us()};
    int64_t now_ns = now.monotonic_us * 1000;
    if (*written_ns && now_ns - *written_ns < TIMELINE_NOTE_NS)
        return NULL;
    struct clock_request *clock = allocate(sizeof *clock);
    if (!clock)
        return NULL; /* the next commit will do as well */
    memcpy(now.boot, timeline->boot, sizeof now.boot);
    *written_ns = now_ns;
    clock->note = timeline_note(timeline, &now);
    clock->request =
        (struct store_request){.verb = STORE_CLOCK, .clock = &clock->note, .done = written};
    return &clock->request;
}
