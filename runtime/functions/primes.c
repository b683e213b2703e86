/* primes: a sieve, part by part: work for a processor. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/functions/functions.h"

#define PART (256 << 10) /* numbers at a time: what a processor's cache holds */

/* The primes up to `last`, at most 1,000,000; *n of them. NULL: no memory. */
static uint32_t *small_primes(uint32_t last, size_t *n)
{
    char *is_composite = calloc(1, last + 1);
    uint32_t *primes = malloc((last + 1) * sizeof *primes);
    *n = 0;
    for (uint64_t i = 2; is_composite && primes && i <= last; i++) {
        if (is_composite[i])
            continue;
        primes[(*n)++] = (uint32_t)i;
        for (uint64_t j = i * i; j <= last; j += i)
            is_composite[j] = 1;
    }
    if (!is_composite) {
        free(primes);
        primes = NULL;
    }
    free(is_composite);
    return primes;
}

/* How many primes there are from `first` to before `end`. */
static uint64_t count_part(char *part, uint64_t first, uint64_t end, const uint32_t *primes,
                           size_t n)
{
    uint64_t count = 0;
    memset(part, 0, end - first);
    for (size_t i = 0; i < n && (uint64_t)primes[i] * primes[i] < end; i++) {
        uint64_t p = primes[i], from = (first + p - 1) / p * p;
        for (uint64_t j = from < p * p ? p * p : from; j < end; j += p)
            part[j - first] = 1;
    }
    for (uint64_t i = 0; i < end - first; i++)
        count += !part[i];
    return count;
}

static void count(struct function_call *call, uint64_t last, char *part, const uint32_t *primes,
                  size_t n)
{
    uint64_t found = 0, first = 2;
    for (; first <= last && !function_is_cancelled(call); first += PART) {
        uint64_t end = last + 1 - first < PART ? last + 1 : first + PART;
        found += count_part(part, first, end, primes, n);
        function_progress(call, (double)(end - 1) / (double)last, NULL);
    }
    if (first <= last)
        function_give_up(call);
    else
        function_return_json(call, json_integer((json_int_t)found));
}

static void run(struct function_call *call)
{
    uint64_t last = (uint64_t)function_number(call, "n");
    size_t n;
    char *part = malloc(PART);
    uint32_t *primes = small_primes((uint32_t)sqrt((double)last) + 1, &n);
    if (part && primes)
        count(call, last, part, primes, n);
    else
        function_raise(call, "MemoryError", "not enough memory");
    free(primes);
    free(part);
}

const struct function function_primes = {
    .name = "primes",
    .summary = "How many primes there are up to n: a processor is busy, progress is reported.",
    .parameters_json = "{\"n\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000000000}}",
    .run = run,
};
