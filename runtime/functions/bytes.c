/* Arguments and results that are bytes. */
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/functions/functions.h"
#include "schema/utf8.h"

static void raise_no_memory(struct function_call *call)
{
    function_raise(call, "MemoryError", "not enough memory");
}

void function_give_up(struct function_call *call)
{
    function_raise(call, "CancelledError", "%s", "");
}

int function_one_of(struct function_call *call, const char *const *names)
{
    struct buffer known = {0};
    int found = -1, n = 0;
    for (int i = 0; names[i]; i++) {
        const json_t *value = function_argument(call, names[i]);
        buffer_format(&known, "%s'%s'", !i ? "" : names[i + 1] ? ", " : " and ", names[i]);
        if (!value || json_is_null(value))
            continue;
        found = i;
        n++;
    }
    if (n != 1)
        function_raise(call, "TypeError", "%s() takes exactly one of %s (%d given)",
                       call->function->name, known.bytes ? known.bytes : "", n);
    buffer_release(&known);
    return n == 1 ? found : -1;
}

/* Strictly: what comes of the bytes must be the very text. NULL: it is not base64. */
static unsigned char *decode(const char *text, size_t size, size_t *decoded)
{
    unsigned char *bytes = malloc(size / 4 * 3 + 1), *again = malloc(size + 1);
    bool is_good = false;
    if (bytes && again && size % 4 == 0 &&
        EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size) >= 0) {
        size_t padding = size ? (text[size - 1] == '=') + (text[size - 2] == '=') : 0;
        *decoded = size / 4 * 3 - padding;
        EVP_EncodeBlock(again, bytes, (int)*decoded);
        is_good = memcmp(again, text, size) == 0;
    }
    free(again);
    if (is_good)
        return bytes;
    free(bytes);
    return NULL;
}

bool bytes_from(struct function_call *call, const char *name, bool is_base64, struct bytes *out)
{
    size_t size;
    const char *text = function_text(call, name, &size);
    *out = (struct bytes){.data = (const unsigned char *)text, .size = size};
    if (!is_base64)
        return true;
    if (size > INT_MAX / 2 || !(out->owned = decode(text, size, &out->size))) {
        function_raise(call, "ValueError",
                       "argument '%s' must be base64 (RFC 4648, with its padding)", name);
        return false;
    }
    out->data = out->owned;
    return true;
}

void bytes_write_base64(struct buffer *b, const unsigned char *data, size_t size)
{
    unsigned char block[3 * 1024 / 3 * 4 + 1];
    for (size_t at = 0; at < size; at += 3 * 1024) {
        size_t n = size - at < 3 * 1024 ? size - at : 3 * 1024;
        int written = EVP_EncodeBlock(block, data + at, (int)n);
        buffer_add(b, block, (size_t)written);
    }
}

void bytes_return(struct function_call *call, const unsigned char *data, size_t size,
                  bool as_base64)
{
    struct buffer b = {0};
    if (as_base64) {
        buffer_char(&b, '"');
        bytes_write_base64(&b, data, size);
        buffer_char(&b, '"');
        if (b.failed)
            raise_no_memory(call);
        function_return_buffer(call, &b);
    } else if (utf8_is_valid((const char *)data, size)) {
        function_return_text(call, (const char *)data, size);
    } else {
        function_raise(call, "UnicodeDecodeError",
                       "the bytes are not UTF-8; \"as\": \"base64\" gives them as they are");
    }
}
