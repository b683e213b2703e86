/* compress: gzip.compress. */
#include <stdlib.h>
#include <zlib.h>

#include "runtime/functions/functions.h"

#define GZIP (MAX_WBITS + 16)
#define BLOCK (64 << 10)

/* Block by block, so that a cancellation is seen. False when cancelled or out of memory. */
static bool deflate_all(struct function_call *call, z_stream *stream, const struct bytes *bytes,
                        struct buffer *out)
{
    unsigned char block[BLOCK];
    size_t left = bytes->size;
    stream->next_in = (Bytef *)bytes->data;
    int status = Z_OK;
    while (status != Z_STREAM_END && !out->failed && !function_is_cancelled(call)) {
        if (stream->avail_in == 0 && left > 0) {
            stream->avail_in = left < BLOCK ? (uInt)left : BLOCK;
            left -= stream->avail_in;
        }
        stream->next_out = block;
        stream->avail_out = sizeof block;
        status = deflate(stream, left == 0 ? Z_FINISH : Z_NO_FLUSH);
        buffer_add(out, block, sizeof block - stream->avail_out);
    }
    return status == Z_STREAM_END && !out->failed;
}

static void run(struct function_call *call)
{
    static const char *const names[] = {"text", "base64", NULL};
    struct bytes bytes;
    struct buffer out = {0};
    z_stream stream = {0};
    int which = function_one_of(call, names);
    if (which < 0 || !bytes_from(call, names[which], which == 1, &bytes))
        return;
    int level = (int)function_number(call, "level");
    if (deflateInit2(&stream, level, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        function_raise(call, "MemoryError", "not enough memory");
    else if (deflate_all(call, &stream, &bytes, &out))
        bytes_return(call, (unsigned char *)out.bytes, out.size, true);
    else if (out.failed)
        function_raise(call, "MemoryError", "not enough memory");
    else
        function_give_up(call);
    deflateEnd(&stream);
    buffer_release(&out);
    free(bytes.owned);
}

const struct function function_compress = {
    .name = "compress",
    .summary = "Compresses a text (as UTF-8), or bytes in base64, with gzip; returns base64.",
    .parameters_json = "{\"text\":{\"type\":[\"string\",\"null\"],\"default\":null},"
                       "\"base64\":{\"type\":[\"string\",\"null\"],\"default\":null},"
                       "\"level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9,"
                       "\"default\":6}}",
    .run = run,
};
