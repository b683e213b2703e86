/* asyncio's StreamReader, without the waiting: bytes are fed as they come, in whatever pieces, and
 * reads take from them what they ask for. For runtime/stream.h. Pure. [any] */
#ifndef AWAITD_RUNTIME_STREAM_READER_H
#define AWAITD_RUNTIME_STREAM_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/buffer.h"

enum stream_read_kind {
    READ_NOTHING,
    READ_UNTIL,   /* readuntil(separator) */
    READ_EXACTLY, /* readexactly(n) */
    READ_EOF,     /* read() */
};

struct stream_read {
    enum stream_read_kind kind;
    const char *separator; /* READ_UNTIL: separator_size bytes, at least one */
    size_t separator_size;
    size_t n; /* READ_EXACTLY */
};

/* asyncio's default for the limit of a reader. */
#define STREAM_LIMIT_DEFAULT 65536

/* Begin with {.limit, .max}. Owns the buffer. */
struct stream_reader {
    size_t limit; /* readuntil takes no more before its separator */
    size_t max;   /* no read takes more */
    struct buffer buffer;
    size_t n_taken;    /* bytes of the buffer that reads took */
    size_t n_searched; /* behind them: where the separator does not begin */
    bool has_ended;
};

enum stream_outcome {
    STREAM_WAITS,      /* for more */
    STREAM_READ,       /* taken */
    STREAM_INCOMPLETE, /* IncompleteReadError: EOF came before; what there was is taken */
    STREAM_NOT_FOUND,  /* LimitOverrunError: no separator within the limit */
    STREAM_TOO_FAR,    /* LimitOverrunError: the separator stands beyond the limit */
    STREAM_TOO_LARGE,  /* more than max */
};

struct stream_bytes {
    const char *bytes; /* borrowed until the reader is fed or released */
    size_t size;       /* of LimitOverrunErrors: what CPython calls `consumed` */
};

void stream_reader_feed(struct stream_reader *reader, const char *bytes, size_t size);
void stream_reader_feed_eof(struct stream_reader *reader);
/* After STREAM_WAITS the same read is to be asked for again when more has been fed. */
enum stream_outcome stream_reader_take(struct stream_reader *reader, const struct stream_read *read,
                                       struct stream_bytes *out);
void stream_reader_release(struct stream_reader *reader);

#endif
