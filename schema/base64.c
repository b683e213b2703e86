#include "schema/base64.h"

void buffer_base64(struct buffer *b, const void *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t n = (uint32_t)bytes[i] << 16 | (i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0) |
                     (i + 2 < size ? bytes[i + 2] : 0);
        const char four[] = {digits[n >> 18], digits[n >> 12 & 63],
                             i + 1 < size ? digits[n >> 6 & 63] : '=',
                             i + 2 < size ? digits[n & 63] : '='};
        buffer_add(b, four, sizeof four);
    }
}
