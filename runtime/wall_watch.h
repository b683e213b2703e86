/* The wall clock, for those who throw away what is old: when it leaps forward it is followed slowly
 * at first, so that nothing is lost because somebody set it wrong for a while. Pure. [any] */
#ifndef AWAITD_RUNTIME_WALL_WATCH_H
#define AWAITD_RUNTIME_WALL_WATCH_H

#include <stdint.h>

#define WALL_PATIENCE_NS INT64_C(3600000000000) /* a leap that lasted for so long is believed */

/* Starts with {0}; or with wall_us and ns as they were some time ago on the same boot. */
struct wall_watch {
    int64_t wall_us;  /* the last time that was told, */
    int64_t ns;       /* when the monotonic clock showed this; 0: nothing was told yet */
    int64_t ahead_ns; /* since then the wall clock has been ahead of that; 0: it is not */
};

/* The time, of what the clocks show: never further ahead of the last one than by what has passed
 * and a tenth. */
int64_t wall_watch_look(struct wall_watch *watch, int64_t wall_us, int64_t ns);

#endif
