/* The system's clocks, for what is outside of the engine: jobs see time through host.h only. [any]
 */
#ifndef AWAITD_RUNTIME_BASE_CLOCK_H
#define AWAITD_RUNTIME_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t clock_now_ms(void)
{
    return clock_now_ns() / 1000000;
}

/* The wall clock: microseconds since the epoch. Anybody may set it at any time. */
static inline int64_t clock_wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
