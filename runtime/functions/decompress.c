/* decompress: gzip.decompress, of all members that stand one behind the other. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "runtime/functions/functions.h"

#define GZIP (MAX_WBITS + 16)
#define BLOCK (64 << 10)

enum outcome { GOOD, CANCELLED, TOO_MUCH, CUT_OFF, DAMAGED, NO_MEMORY };

/* Members may be padded with zeros: tapes do that, and gzip.decompress bears it. */
static void skip_padding(z_stream *stream)
{
    for (; stream->avail_in > 0 && *stream->next_in == 0; stream->avail_in--)
        stream->next_in++;
}

static enum outcome inflate_all(struct function_call *call, z_stream *stream, size_t most,
                                struct buffer *out)
{
    unsigned char block[BLOCK];
    while (!function_is_cancelled(call)) {
        stream->next_out = block;
        stream->avail_out = sizeof block;
        int status = inflate(stream, Z_NO_FLUSH);
        buffer_add(out, block, sizeof block - stream->avail_out);
        if (out->failed || status == Z_MEM_ERROR)
            return NO_MEMORY;
        if (out->size > most)
            return TOO_MUCH;
        if (status == Z_STREAM_END)
            skip_padding(stream);
        if (status == Z_STREAM_END && stream->avail_in == 0)
            return GOOD;
        if (status == Z_STREAM_END)
            inflateReset(stream);
        else if (status == Z_BUF_ERROR ||
                 (status == Z_OK && stream->avail_in == 0 && stream->avail_out == sizeof block))
            return CUT_OFF;
        else if (status != Z_OK)
            return DAMAGED;
    }
    return CANCELLED;
}

static void answer(struct function_call *call, enum outcome outcome, const z_stream *stream,
                   const struct buffer *out)
{
    size_t size;
    const char *as = function_text(call, "as", &size);
    const unsigned char *data = (const unsigned char *)(out->bytes ? out->bytes : "");
    switch (outcome) {
    case GOOD:
        bytes_return(call, data, out->size, strcmp(as, "base64") == 0);
        break;
    case CANCELLED:
        function_give_up(call);
        break;
    case TOO_MUCH:
        function_raise(call, "ValueError", "more than %.0f bytes come out of it ('max_bytes')",
                       function_number(call, "max_bytes"));
        break;
    case CUT_OFF:
        function_raise(call, "EOFError",
                       "Compressed file ended before the end-of-stream marker was reached");
        break;
    case DAMAGED:
        function_raise(call, "ValueError", "not gzip: %s",
                       stream->msg ? stream->msg : "it is damaged");
        break;
    case NO_MEMORY:
        function_raise(call, "MemoryError", "not enough memory");
        break;
    }
}

static void run(struct function_call *call)
{
    struct bytes bytes;
    struct buffer out = {0};
    if (!bytes_from(call, "base64", true, &bytes))
        return;
    z_stream stream = {.next_in = (Bytef *)bytes.data, .avail_in = (uInt)bytes.size};
    enum outcome outcome = NO_MEMORY;
    if (inflateInit2(&stream, GZIP) == Z_OK)
        outcome = inflate_all(call, &stream, (size_t)function_number(call, "max_bytes"), &out);
    answer(call, outcome, &stream, &out);
    inflateEnd(&stream);
    buffer_release(&out);
    free(bytes.owned);
}

const struct function function_decompress = {
    .name = "decompress",
    .summary = "What gzip has compressed: base64 in, a text (or base64) out; never more than "
               "max_bytes of it.",
    .parameters_json = "{\"base64\":{\"type\":\"string\"},"
                       "\"as\":{\"enum\":[\"text\",\"base64\"],\"default\":\"text\"},"
                       "\"max_bytes\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":67108864,"
                       "\"default\":16777216}}",
    .run = run,
};
