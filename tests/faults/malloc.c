/* For LD_PRELOAD, under a server as it is shipped: one in FAIL_ONE_IN allocations of the process
 * that was started fails, by chance, as long as the file FAIL_WHILE exists. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_EVERY 256 /* allocations: for the file */

static void *(*real_malloc)(size_t size);
static void *(*real_calloc)(size_t n, size_t size);
static void *(*real_realloc)(void *memory, size_t size);

static const char *while_there;
static unsigned one_in;
static pid_t owner; /* what it forks has memory */
static atomic_uint n_seen;
static atomic_bool is_on;
static _Thread_local uint64_t chance;

/* What dlsym itself asks for before it has told where malloc is. */
static _Alignas(16) char early[1 << 16];
static size_t early_used;

static void *take_early(size_t size)
{
    void *memory = early + early_used;
    early_used += (size + 15) & ~(size_t)15;
    return early_used <= sizeof early ? memory : NULL;
}

static void find(void)
{
    static bool is_looking;
    if (is_looking)
        return;
    is_looking = true;
    real_malloc = (void *(*)(size_t))(uintptr_t)dlsym(RTLD_NEXT, "malloc");
    real_calloc = (void *(*)(size_t, size_t))(uintptr_t)dlsym(RTLD_NEXT, "calloc");
    real_realloc = (void *(*)(void *, size_t))(uintptr_t)dlsym(RTLD_NEXT, "realloc");
    const char *given = getenv("FAIL_ONE_IN");
    one_in = given ? (unsigned)strtoul(given, NULL, 10) : 0;
    while_there = getenv("FAIL_WHILE");
    owner = getpid();
}

static bool fails(void)
{
    if (!one_in || !while_there)
        return false;
    unsigned i = atomic_fetch_add(&n_seen, 1);
    if (i % LOOK_EVERY == 0)
        is_on = getpid() == owner && access(while_there, F_OK) == 0;
    if (!is_on)
        return false;
    if (!chance)
        chance = i * UINT64_C(2654435761) + (uint64_t)getpid();
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    errno = ENOMEM;
    return (chance >> 33) % one_in == 0;
}

void *malloc(size_t size)
{
    if (!real_malloc)
        find();
    if (!real_malloc)
        return take_early(size);
    return fails() ? NULL : real_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    if (!real_calloc)
        find();
    if (!real_calloc)
        return take_early(n * size);
    return fails() ? NULL : real_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    if (!real_realloc)
        find();
    return fails() ? NULL : real_realloc(memory, size);
}
