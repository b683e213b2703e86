/* Numbers of as many bytes as they need: seven bits a byte, the lowest first; the high bit says
 * that more follow. [any] */
#ifndef AWAITD_RUNTIME_BASE_VARINT_H
#define AWAITD_RUNTIME_BASE_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/buffer.h"

static inline void varint_write(struct buffer *out, uint64_t number)
{
    char bytes[10];
    size_t n = 0;
    for (; number >= 0x80; number >>= 7)
        bytes[n++] = (char)(number | 0x80);
    bytes[n++] = (char)number;
    buffer_add(out, bytes, n);
}

/* From *at, which moves on; false at `end`, and where no such number stands. */
static inline bool varint_read(const unsigned char **at, const unsigned char *end, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint64_t byte = *(*at)++;
        if (shift == 63 && byte > 1)
            return false;
        *number |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

#endif
