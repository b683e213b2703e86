#include "runtime/stream_reader.h"

#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"

static size_t n_left(const struct stream_reader *reader)
{
    return reader->buffer.size - reader->n_taken;
}

/* Bytes that were taken go when they are the greater part: each byte moves once or so. */
static void forget_taken(struct stream_reader *reader)
{
    struct buffer *b = &reader->buffer;
    if (reader->n_taken < n_left(reader))
        return;
    memmove(b->bytes, b->bytes + reader->n_taken, n_left(reader));
    b->size -= reader->n_taken;
    reader->n_taken = 0;
}

void stream_reader_feed(struct stream_reader *reader, const char *bytes, size_t size)
{
    if (reader->n_taken > 0)
        forget_taken(reader);
    buffer_add(&reader->buffer, bytes, size);
    memory_need(reader->buffer.failed ? NULL : reader->buffer.bytes);
}

void stream_reader_feed_eof(struct stream_reader *reader)
{
    reader->has_ended = true;
}

static struct stream_bytes take(struct stream_reader *reader, size_t size)
{
    struct stream_bytes taken = {"", size};
    if (size > 0)
        taken.bytes = reader->buffer.bytes + reader->n_taken;
    reader->n_taken += size;
    reader->n_searched = 0;
    return taken;
}

/* As StreamReader.readuntil of CPython's Lib/asyncio/streams.py goes on whenever data came. */
static enum stream_outcome take_until(struct stream_reader *reader, const struct stream_read *read,
                                      struct stream_bytes *out)
{
    size_t size = n_left(reader), separator_size = read->separator_size;
    BUG_ON(separator_size == 0);
    if (size >= reader->n_searched + separator_size) {
        const char *from = reader->buffer.bytes + reader->n_taken;
        const char *found = memmem(from + reader->n_searched, size - reader->n_searched,
                                   read->separator, separator_size);
        if (found && (size_t)(found - from) <= reader->limit) {
            *out = take(reader, (size_t)(found - from) + separator_size);
            return STREAM_READ;
        }
        out->size = found ? (size_t)(found - from) : size + 1 - separator_size;
        if (out->size > reader->limit)
            return found ? STREAM_TOO_FAR : STREAM_NOT_FOUND;
        reader->n_searched = out->size;
    }
    if (!reader->has_ended)
        return STREAM_WAITS;
    *out = take(reader, size);
    return STREAM_INCOMPLETE;
}

static enum stream_outcome take_exactly(struct stream_reader *reader, size_t n,
                                        struct stream_bytes *out)
{
    if (n > reader->max)
        return STREAM_TOO_LARGE;
    if (n_left(reader) >= n) {
        *out = take(reader, n);
        return STREAM_READ;
    }
    if (!reader->has_ended)
        return STREAM_WAITS;
    *out = take(reader, n_left(reader));
    return STREAM_INCOMPLETE;
}

static enum stream_outcome take_all(struct stream_reader *reader, struct stream_bytes *out)
{
    if (n_left(reader) > reader->max)
        return STREAM_TOO_LARGE;
    if (!reader->has_ended)
        return STREAM_WAITS;
    *out = take(reader, n_left(reader));
    return STREAM_READ;
}

enum stream_outcome stream_reader_take(struct stream_reader *reader, const struct stream_read *read,
                                       struct stream_bytes *out)
{
    *out = (struct stream_bytes){"", 0};
    switch (read->kind) {
    case READ_NOTHING:
        break;
    case READ_UNTIL:
        return take_until(reader, read, out);
    case READ_EXACTLY:
        return take_exactly(reader, read->n, out);
    case READ_EOF:
        return take_all(reader, out);
    }
    return STREAM_READ;
}

void stream_reader_release(struct stream_reader *reader)
{
    buffer_release(&reader->buffer);
}
