#include "tests/memory/inject.h"

#include <errno.h>
#include <malloc.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/bug.h"
#include "runtime/host/host_memory.h"
#include "schema/json_load.h"

static atomic_bool is_armed, fails_for_good, maps_fail;
static atomic_size_t n_seen, n_failed, fails_at;
static _Thread_local int spared;

void inject(size_t nth, bool for_good)
{
    n_seen = n_failed = 0;
    fails_at = nth;
    fails_for_good = for_good;
    is_armed = true;
}

size_t inject_end(bool *met)
{
    is_armed = false;
    *met = n_failed > 0;
    return n_seen;
}

void inject_maps(bool fail)
{
    maps_fail = fail;
}

void inject_spare(bool is_spared)
{
    spared += is_spared ? 1 : -1;
}

static bool fails(void)
{
    if (!is_armed || spared)
        return false;
    size_t i = atomic_fetch_add(&n_seen, 1) + 1;
    if (i != fails_at && (i < fails_at || !fails_for_good))
        return false;
    n_failed++;
    errno = ENOMEM;
    return true;
}

/* ---- what the linker puts in their place ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t max);
char *__real_realpath(const char *path, char *out);
int __real_vasprintf(char **out, const char *format, va_list arguments);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);
char *__wrap_realpath(const char *path, char *out);
int __wrap_vasprintf(char **out, const char *format, va_list arguments);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t max)
{
    return fails() ? NULL : __real_strndup(text, max);
}

char *__wrap_realpath(const char *path, char *out)
{
    return fails() ? NULL : __real_realpath(path, out);
}

int __wrap_vasprintf(char **out, const char *format, va_list arguments)
{
    return fails() ? -1 : __real_vasprintf(out, format, arguments);
}

int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = __wrap_vasprintf(out, format, arguments);
    va_end(arguments);
    return size;
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return maps_fail || fails() ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, offset);
}

/* ---- SQLite's ---- */

static void *take(int size)
{
    return __wrap_malloc((size_t)size);
}

static void *resize(void *memory, int size)
{
    return __wrap_realloc(memory, (size_t)size);
}

static int size_of(void *memory)
{
    return (int)malloc_usable_size(memory);
}

static int round_up(int size)
{
    return (size + 7) & ~7;
}

static int start(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}

static void stop(void *unused)
{
    (void)unused;
}

void inject_prepare(void)
{
    static const sqlite3_mem_methods methods = {take,     free,  resize, size_of,
                                                round_up, start, stop,   NULL};
    BUG_ON(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK);
    json_load_prepare();
    host_memory_for_uv();
}
