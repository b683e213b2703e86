/* The test programs' own runtime/base/memory.c: the same, but it can be told to lay memory out
 * differently, so that an engine that goes by the order of addresses does not do the same twice. */
#ifndef AWAITD_TESTS_SIM_MEMORY_H
#define AWAITD_TESTS_SIM_MEMORY_H

#include <stdint.h>

/* From now on blocks are longer than asked for by a random amount, which puts them into other parts
 * of the heap; 0: exact again, so that ASan sees each byte beyond their end. */
void memory_scatter(uint64_t seed);

#endif
