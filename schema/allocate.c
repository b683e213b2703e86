#include "schema/allocate.h"

#include <stdlib.h>
#include <string.h>

static bool (*room_maker)(size_t size);
static _Thread_local size_t n_failures;

void allocate_on_shortage(bool (*make_room)(size_t size))
{
    room_maker = make_room;
}

size_t allocate_failures(void)
{
    return n_failures;
}

/* Whether to try again. */
static bool make_room(size_t size)
{
    if (room_maker && room_maker(size))
        return true;
    n_failures++;
    return false;
}

void *allocate(size_t size)
{
    void *memory;
    do
        memory = malloc(size ? size : 1);
    while (!memory && make_room(size));
    return memory;
}

void *allocate_zeroed(size_t n, size_t size)
{
    void *memory;
    do
        memory = calloc(n ? n : 1, size ? size : 1);
    while (!memory && make_room(n * size));
    return memory;
}

void *allocate_resize(void *memory, size_t size)
{
    void *resized;
    do
        resized = realloc(memory, size ? size : 1);
    while (!resized && make_room(size));
    return resized;
}

char *allocate_part(const char *text, size_t max)
{
    size_t size = strnlen(text, max);
    char *copy = allocate(size + 1);
    if (!copy)
        return NULL;
    copy[size] = '\0';
    return memcpy(copy, text, size);
}

char *allocate_text(const char *text)
{
    return allocate_part(text, strlen(text));
}
