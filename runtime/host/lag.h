/* An event loop's lag: how long something that happens at any moment waits until the loop turns to
 * it. Made of the times that the loop is away from its events, over the last 30 to 60 seconds. */
#ifndef AWAITD_RUNTIME_LAG_H
#define AWAITD_RUNTIME_LAG_H

#include <stdatomic.h>
#include <stdint.h>

#define LAG_BUCKETS 256
#define LAG_WINDOW_NS INT64_C(30000000000)

/* All zero is a good beginning, but for lag_start. */
struct lag {
    _Atomic int64_t began_ns; /* of the present window */
    struct lag_window {
        _Atomic uint32_t counts[LAG_BUCKETS]; /* by length, in steps of an eighth */
        _Atomic int64_t max_ns, length_ns;
    } windows[2]; /* the present one and the one before */
    atomic_uint present;
};

struct lag_figures {
    double p50, p99, max; /* seconds */
    double over;          /* seconds that they are about */
};

void lag_start(struct lag *lag, int64_t now_ns);
/* The loop was away for so long, until now. [loop] */
void lag_add(struct lag *lag, int64_t now_ns, int64_t away_ns);
/* [any] While the loop adds, some of what it adds may be missing. */
struct lag_figures lag_read(const struct lag *lag, int64_t now_ns);

#endif
