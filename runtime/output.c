#include "runtime/output.h"

#include <string.h>

#include "runtime/base/memory.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void append(struct output *output, const char *bytes, size_t size, size_t limit)
{
    if (output->size + size > output->capacity) {
        size_t twice = smaller(output->capacity * 2, limit), need = output->size + size;
        output->capacity = need > twice ? need : twice;
        output->bytes = memory_resize(output->bytes, output->capacity);
    }
    if (size)
        memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
}

/* All the room is taken: what lies behind the head becomes a ring of the last bytes. */
static void overwrite(struct output *output, const char *bytes, size_t size)
{
    size_t ring = output->size - output->head;
    if (size >= ring) {
        memcpy(output->bytes + output->head, bytes + (size - ring), ring);
        output->next = output->head;
        return;
    }
    size_t until_end = smaller(size, output->size - output->next);
    memcpy(output->bytes + output->next, bytes, until_end);
    memcpy(output->bytes + output->head, bytes + until_end, size - until_end);
    output->next = until_end < size ? output->head + (size - until_end) : output->next + until_end;
    if (output->next == output->size)
        output->next = output->head;
}

void output_add(struct output *output, const char *bytes, size_t size, size_t limit)
{
    size_t fits = smaller(size, limit - output->size);
    append(output, bytes, fits, limit);
    if (size == fits)
        return;
    if (!output->dropped)
        output->head = output->next = limit - limit / 2;
    output->dropped += size - fits;
    overwrite(output, bytes + fits, size - fits);
}

static void reverse(char *from, char *to)
{
    for (; from < to; from++) {
        char c = *--to;
        *to = *from;
        *from = c;
    }
}

void output_finish(struct output *output)
{
    char *head = output->bytes + output->head;
    if (!output->dropped || output->next == output->head)
        return;
    reverse(head, output->bytes + output->next);
    reverse(output->bytes + output->next, output->bytes + output->size);
    reverse(head, output->bytes + output->size);
    output->next = output->head;
}
