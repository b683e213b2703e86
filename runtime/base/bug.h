/* Mistakes of ours, as opposed to errors of an operation: say where, and stop. Always compiled in.
 * [any] */
#ifndef AWAITD_RUNTIME_BASE_BUG_H
#define AWAITD_RUNTIME_BASE_BUG_H

#include <stdio.h>
#include <stdlib.h>

#define BUG_ON(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!!(condition), 0)) {                                                  \
            fprintf(stderr, "awaitd: bug: %s:%d: %s: %s\n", __FILE__, __LINE__, __func__,          \
                    #condition);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The structure that contains a member, given the member's address. */
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
