#include "schema/json_load.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"

/* What a parser at work allocated and freed, in that order: addresses, with FREED added. */
struct journal {
    uintptr_t *events, first_ones[256];
    size_t n, capacity;
    jmp_buf escape;
};
#define FREED ((uintptr_t)1)

static _Thread_local struct journal *journal; /* NULL: no parser is at work */

static bool note(uintptr_t event)
{
    struct journal *j = journal;
    if (j->n == j->capacity) {
        bool is_first = j->events == j->first_ones;
        uintptr_t *more =
            allocate_resize(is_first ? NULL : j->events, 2 * j->capacity * sizeof *more);
        if (!more)
            return false;
        if (is_first)
            memcpy(more, j->first_ones, sizeof j->first_ones);
        j->events = more;
        j->capacity *= 2;
    }
    j->events[j->n++] = event;
    return true;
}

static void *take(size_t size)
{
    void *memory = allocate(size);
    if (!journal || (memory && note((uintptr_t)memory)))
        return memory;
    free(memory);
    longjmp(journal->escape, 1);
}

static void give_back(void *memory)
{
    if (journal && memory && !note((uintptr_t)memory | FREED))
        longjmp(journal->escape, 1);
    free(memory);
}

void json_load_prepare(void)
{
    json_set_alloc_funcs(take, give_back);
}

static int compare(const void *one, const void *other)
{
    uintptr_t a = *(const uintptr_t *)one, b = *(const uintptr_t *)other;
    return (a > b) - (a < b);
}

/* What was allocated once more than it was freed. */
static void free_all(struct journal *j)
{
    qsort(j->events, j->n, sizeof *j->events, compare);
    for (size_t i = 0; i < j->n;) {
        uintptr_t memory = j->events[i];
        int n_owned = 0;
        for (; i < j->n && (j->events[i] & ~FREED) == memory; i++)
            n_owned += j->events[i] & FREED ? -1 : 1;
        if (n_owned > 0)
            free((void *)memory);
    }
}

json_t *json_load_text(const char *text, size_t size, size_t flags, json_error_t *why)
{
    struct journal j = {.events = j.first_ones, .capacity = 256};
    json_t *volatile value = NULL;
    journal = &j;
    if (setjmp(j.escape) == 0)
        value = json_loadb(text, size, flags, why);
    else
        free_all(&j);
    journal = NULL;
    if (j.events != j.first_ones)
        free(j.events);
    return value;
}
