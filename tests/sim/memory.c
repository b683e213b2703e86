#include "tests/sim/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"

#define STEP 128 /* allocators keep blocks of a size together, or nearly the same size */

static uint64_t scatter; /* only the spec tests set it: one thread */

void memory_scatter(uint64_t seed)
{
    scatter = seed;
}

static size_t more(void)
{
    if (!scatter)
        return 0;
    scatter = scatter * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (scatter >> 60) * STEP;
}

void *memory_need(void *value)
{
    if (!value) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return value;
}

void *memory_new(size_t size)
{
    return memory_need(malloc(size + more()));
}

void *memory_new_zeroed(size_t n, size_t size)
{
    size_t n_more = size ? more() / size : 0;
    return memory_need(calloc(n + n_more ? n + n_more : 1, size));
}

void *memory_resize(void *memory, size_t size)
{
    return memory_need(realloc(memory, size + more()));
}

char *memory_text(const char *text)
{
    return memory_need(strdup(text));
}

char *memory_part(const char *text, size_t max)
{
    return memory_need(strndup(text, max));
}
