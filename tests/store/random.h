/* Chance that a seed replays. [any] */
#ifndef AWAITD_TESTS_STORE_RANDOM_H
#define AWAITD_TESTS_STORE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

/* One stream for each combination. */
static inline struct chance chance_of(uint64_t seed, uint64_t stream)
{
    return (struct chance){seed * UINT64_C(0x9e3779b97f4a7c15) + stream};
}

/* splitmix64 */
static inline uint64_t chance_next(struct chance *c)
{
    uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 … n - 1 */
static inline uint64_t chance_below(struct chance *c, uint64_t n)
{
    return chance_next(c) % n;
}

static inline bool chance_percent(struct chance *c, unsigned percent)
{
    return chance_below(c, 100) < percent;
}

#endif
