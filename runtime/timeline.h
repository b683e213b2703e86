/* The database's own clock: microseconds that never jump and go on through restarts. Durations are
 * kept by it: a delay, a timeout, a sleep. While the server runs it goes with the monotonic clock;
 * over a restart on the same boot as well; over a reboot by how far the wall clock went, or stands
 * still if that went back. A new database's begins as the wall clock.
 *
 * How the clocks stand is written down with commits that happen anyway, some seconds after the last
 * time. So what the wall clock jumped before counts for nothing at the next reboot; and as nothing
 * that is on disk is more than those seconds younger, the timeline goes back by them at the most.
 */
#ifndef AWAITD_RUNTIME_TIMELINE_H
#define AWAITD_RUNTIME_TIMELINE_H

#include "runtime/store/store.h"

struct timeline {
    int64_t offset_us; /* is added to the monotonic clock */
    /* Many a machine comes up with a clock that is years slow, and sets it a little later. What is
     * written down says no earlier time than what was found, or a reboot in between would take that
     * correction for time gone by. */
    int64_t wall_floor_us;
    char boot[CLOCK_BOOT_SIZE];
};

/* The clocks as they stand. [any] */
struct clock_reading clock_read(void);

/* The timeline at a reading, by what was written down last (NULL: nothing yet). At least 1, and
 * never before what was written down. Pure. [any] */
int64_t timeline_at(const struct clock_note *last, const struct clock_reading *now);
/* Goes on from there. Pure. [any] */
struct timeline timeline_go_on(const struct clock_note *last, const struct clock_reading *now);
/* What is to be written down at a reading of the same boot. Pure. [any] */
struct clock_note timeline_note(const struct timeline *timeline, const struct clock_reading *now);

/* Goes on from what the store has. 0 or -code and *e. [main] */
int timeline_open(struct store *store, struct timeline *out, struct error *e);

#define TIMELINE_NOTE_NS INT64_C(10000000000) /* so seldom is it written down */

/* A note for the store, if it is time for one after the last, at *written_ns (0: never); else NULL.
 * It frees itself. [any] */
struct store_request *timeline_write(const struct timeline *timeline, int64_t *written_ns);

#endif
