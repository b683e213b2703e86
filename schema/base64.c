#include "schema/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void write_group(struct buffer *b, uint32_t bits, size_t n_bytes)
{
    const char group[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                           n_bytes > 1 ? digits[bits >> 6 & 63] : '=',
                           n_bytes > 2 ? digits[bits & 63] : '='};
    buffer_add(b, group, sizeof group);
}

void buffer_base64(struct buffer *b, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    buffer_text(b, "");
    for (; size >= 3; from += 3, size -= 3)
        write_group(b, (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2], 3);
    if (size > 0)
        write_group(b, (uint32_t)from[0] << 16 | (size > 1 ? (uint32_t)from[1] << 8 : 0), size);
}

static bool read_group(const char *group, size_t n_digits, uint32_t *bits)
{
    *bits = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *digit = i < n_digits && group[i] ? strchr(digits, group[i]) : NULL;
        if (i < n_digits && !digit)
            return false;
        *bits = *bits << 6 | (digit ? (uint32_t)(digit - digits) : 0);
    }
    return true;
}

bool base64_decode(const char *text, size_t size, void *out, size_t *out_size)
{
    unsigned char *to = out;
    uint32_t bits;
    size_t n_padding = size >= 4 && text[size - 1] == '=' ? 1 + (text[size - 2] == '=') : 0;
    *out_size = 0;
    if (size % 4 != 0)
        return false;
    for (size_t at = 0; at < size; at += 4) {
        size_t n = at + 4 == size ? 3 - n_padding : 3;
        if (!read_group(text + at, n + 1, &bits) || (bits & 0xffffff >> 8 * n) != 0)
            return false;
        for (size_t i = 0; i < n; i++)
            *to++ = (unsigned char)(bits >> (16 - 8 * i));
        *out_size += n;
    }
    return true;
}

/* ---- for URLs ---- */

static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void buffer_base64url(struct buffer *b, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    uint32_t bits = 0;
    unsigned n = 0;
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | from[i];
        for (n += 8; n >= 6; n -= 6)
            buffer_char(b, url_digits[bits >> (n - 6) & 63]);
    }
    if (n)
        buffer_char(b, url_digits[bits << (6 - n) & 63]);
}

bool base64url_decode(const char *text, void *out, size_t *out_size)
{
    unsigned char *to = out;
    uint32_t bits = 0;
    unsigned n = 0;
    *out_size = 0;
    for (; *text; text++) {
        const char *digit = strchr(url_digits, *text);
        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t)(digit - url_digits);
        n += 6;
        if (n >= 8) {
            n -= 8;
            to[(*out_size)++] = (unsigned char)(bits >> n);
        }
    }
    return n < 6 && (bits & ((1u << n) - 1)) == 0;
}
