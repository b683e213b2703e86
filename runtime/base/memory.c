#include "runtime/base/memory.h"

#include <stdio.h>
#include <stdlib.h>

void *memory_need(void *value)
{
    if (!value) {
        fputs("awaitd: out of memory; unfinished tasks run again at the next start\n", stderr);
        abort();
    }
    return value;
}

void *memory_new(size_t size)
{
    return memory_need(malloc(size));
}

void *memory_new_zeroed(size_t n, size_t size)
{
    return memory_need(calloc(n ? n : 1, size));
}

void *memory_resize(void *memory, size_t size)
{
    return memory_need(realloc(memory, size));
}
