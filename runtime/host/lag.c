#include "runtime/host/lag.h"

#include <stdbool.h>
#include <string.h>

#define RELAXED memory_order_relaxed

/* ---- lengths: below 8 µs exact, then 8 steps for each doubling ---- */

static uint32_t bucket_of(int64_t away_ns)
{
    uint64_t us = (uint64_t)away_ns / 1000;
    if (us < 8)
        return (uint32_t)us;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(us);
    uint32_t bucket = (exponent - 2) * 8 + (uint32_t)(us >> (exponent - 3) & 7);
    return bucket < LAG_BUCKETS ? bucket : LAG_BUCKETS - 1;
}

/* Seconds: where the bucket ends. */
static double end_of(uint32_t bucket)
{
    if (bucket < 8)
        return (bucket + 1) / 1e6;
    unsigned exponent = bucket / 8 + 2;
    return (double)((UINT64_C(9) + bucket % 8) << (exponent - 3)) / 1e6;
}

/* ---- adding ---- */

void lag_start(struct lag *lag, int64_t now_ns)
{
    atomic_store_explicit(&lag->began_ns, now_ns, RELAXED);
}

/* The oldest window becomes the present one, empty. */
static void turn(struct lag *lag, int64_t now_ns)
{
    unsigned present = atomic_load_explicit(&lag->present, RELAXED);
    int64_t began_ns = atomic_load_explicit(&lag->began_ns, RELAXED);
    struct lag_window *next = &lag->windows[!present];
    atomic_store_explicit(&lag->windows[present].length_ns, now_ns - began_ns, RELAXED);
    for (uint32_t i = 0; i < LAG_BUCKETS; i++)
        atomic_store_explicit(&next->counts[i], 0, RELAXED);
    atomic_store_explicit(&next->max_ns, 0, RELAXED);
    atomic_store_explicit(&next->length_ns, 0, RELAXED);
    atomic_store_explicit(&lag->present, !present, RELAXED);
    atomic_store_explicit(&lag->began_ns, now_ns, RELAXED);
}

void lag_add(struct lag *lag, int64_t now_ns, int64_t away_ns)
{
    if (now_ns - atomic_load_explicit(&lag->began_ns, RELAXED) > LAG_WINDOW_NS)
        turn(lag, now_ns);
    struct lag_window *window = &lag->windows[atomic_load_explicit(&lag->present, RELAXED)];
    _Atomic uint32_t *count = &window->counts[bucket_of(away_ns)];
    atomic_store_explicit(count, atomic_load_explicit(count, RELAXED) + 1, RELAXED);
    if (away_ns > atomic_load_explicit(&window->max_ns, RELAXED))
        atomic_store_explicit(&window->max_ns, away_ns, RELAXED);
}

/* ---- reading ---- */

/* The least lag that is exceeded with at most that chance: something that comes while the loop is
 * away for d waits for more than x with the chance of (d - x) / d. */
static double quantile(const double *counts, double over, double chance)
{
    double n = 0, sum = 0; /* of the longer ones: how many, and their seconds */
    for (uint32_t i = LAG_BUCKETS; i-- > 0;) {
        double x = end_of(i);
        if (sum - n * x > chance * over)
            return (sum - chance * over) / n;
        n += counts[i];
        sum += counts[i] * x;
    }
    return sum > chance * over && n > 0 ? (sum - chance * over) / n : 0;
}

struct lag_figures lag_read(const struct lag *lag, int64_t now_ns)
{
    unsigned present = atomic_load_explicit(&lag->present, RELAXED);
    int64_t length_ns = now_ns - atomic_load_explicit(&lag->began_ns, RELAXED);
    struct lag_figures figures = {0};
    double counts[LAG_BUCKETS] = {0};
    int64_t max_ns = 0;
    for (unsigned i = 0; i < 2; i++) {
        const struct lag_window *window = &lag->windows[i];
        /* a loop that has slept since then has left them all behind */
        if (length_ns > (i == present ? 2 : 1) * LAG_WINDOW_NS)
            continue;
        int64_t window_max_ns = atomic_load_explicit(&window->max_ns, RELAXED);
        max_ns = window_max_ns > max_ns ? window_max_ns : max_ns;
        figures.over += (double)atomic_load_explicit(&window->length_ns, RELAXED) / 1e9;
        for (uint32_t j = 0; j < LAG_BUCKETS; j++)
            counts[j] += atomic_load_explicit(&window->counts[j], RELAXED);
    }
    figures.over += (double)length_ns / 1e9;
    figures.max = (double)max_ns / 1e9;
    if (figures.over <= 0)
        return figures;
    double p50 = quantile(counts, figures.over, 0.5), p99 = quantile(counts, figures.over, 0.01);
    figures.p50 = p50 < figures.max ? p50 : figures.max; /* the buckets' ends are a little late */
    figures.p99 = p99 < figures.max ? p99 : figures.max;
    return figures;
}
