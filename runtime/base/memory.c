#include "runtime/base/memory.h"

#include "runtime/base/reserve.h"
#include "schema/allocate.h"

void *memory_need(void *value)
{
    if (!value)
        reserve_end();
    return value;
}

/* Also where nothing is drawn on the reserve otherwise: this cannot be refused. */
static void need_piece(void)
{
    if (!reserve_give())
        reserve_end();
}

void *memory_new(size_t size)
{
    void *memory;
    while (!(memory = allocate(size)))
        need_piece();
    return memory;
}

void *memory_new_zeroed(size_t n, size_t size)
{
    void *memory;
    while (!(memory = allocate_zeroed(n, size)))
        need_piece();
    return memory;
}

void *memory_resize(void *memory, size_t size)
{
    void *resized;
    while (!(resized = allocate_resize(memory, size)))
        need_piece();
    return resized;
}

char *memory_part(const char *text, size_t max)
{
    char *copy;
    while (!(copy = allocate_part(text, max)))
        need_piece();
    return copy;
}

char *memory_text(const char *text)
{
    char *copy;
    while (!(copy = allocate_text(text)))
        need_piece();
    return copy;
}
