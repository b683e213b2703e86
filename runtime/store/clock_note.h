/* How the clocks stood at one moment, as it is stored and handed between threads. [any] */
#ifndef AWAITD_RUNTIME_STORE_CLOCK_NOTE_H
#define AWAITD_RUNTIME_STORE_CLOCK_NOTE_H

#include <stdint.h>

#define CLOCK_BOOT_SIZE 40

struct clock_reading {
    char boot[CLOCK_BOOT_SIZE]; /* the boot that the monotonic clock counts from; "": not known */
    int64_t monotonic_us, wall_us;
};

struct clock_note {
    struct clock_reading reading;
    int64_t timeline_us; /* the database's own clock (runtime/timeline.h) */
};

#endif
