#include "tests/sim/census.h"

#include <stdlib.h>

#include "runtime/base/memory.h"

/* Where the thing's number is, or may be put. Numbers of what is gone are passed over. */
static uint32_t *slot_of(const struct census *census, const void *thing)
{
    size_t i = (size_t)((uintptr_t)thing * UINT64_C(0x9e3779b97f4a7c15) >> 20);
    for (;; i++) {
        uint32_t *slot = &census->slots[i & (census->n_slots - 1)];
        if (!*slot || census->things[*slot] == thing)
            return slot;
    }
}

/* A larger table, in which only those stand that are there. */
static void rebuild(struct census *census)
{
    census->n_slots = census->n_slots ? census->n_slots * 4 : 64;
    free(census->slots);
    census->slots = memory_new_zeroed(census->n_slots, sizeof *census->slots);
    for (uint32_t i = 1; i <= census->n; i++)
        if (census->things[i])
            *slot_of(census, census->things[i]) = i;
}

uint32_t census_add(struct census *census, void *thing)
{
    census_drop(census, census_find(census, thing));
    if (census->n + 1 >= census->capacity) {
        census->capacity = census->capacity ? census->capacity * 2 : 64;
        census->things = memory_resize(census->things, census->capacity * sizeof *census->things);
    }
    if (census->n * 2 >= census->n_slots)
        rebuild(census);
    *slot_of(census, thing) = ++census->n;
    census->things[census->n] = thing;
    return census->n;
}

uint32_t census_find(const struct census *census, const void *thing)
{
    return census->n_slots ? *slot_of(census, thing) : 0;
}

void *census_get(const struct census *census, uint32_t number)
{
    return number && number <= census->n ? census->things[number] : NULL;
}

void census_drop(struct census *census, uint32_t number)
{
    if (number)
        census->things[number] = NULL;
}

void census_release(struct census *census)
{
    free(census->things);
    free(census->slots);
    *census = (struct census){0};
}
