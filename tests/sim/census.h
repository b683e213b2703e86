/* Numbers things in the order in which they came, so that a thing has the same name in every run:
 * the first is 1. A new thing at an address where another was has a number of its own. */
#ifndef AWAITD_TESTS_SIM_CENSUS_H
#define AWAITD_TESTS_SIM_CENSUS_H

#include <stddef.h>
#include <stdint.h>

struct census {
    void **things; /* by number; NULL: gone */
    size_t capacity;
    uint32_t n;
    uint32_t *slots; /* a hash table of numbers, by address; 0: free */
    size_t n_slots;
};

uint32_t census_add(struct census *census, void *thing);
uint32_t census_find(const struct census *census, const void *thing); /* 0: unknown, or gone */
void *census_get(const struct census *census, uint32_t number);       /* NULL: unknown, or gone */
void census_drop(struct census *census, uint32_t number);
void census_release(struct census *census);

#endif
