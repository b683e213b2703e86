/* One question about bytes that came from outside, asked before they are quoted in a log line or an
 * error text. Pure. [any] */
#ifndef AWAITD_RUNTIME_BASE_UTF8_H
#define AWAITD_RUNTIME_BASE_UTF8_H

#include <stddef.h>

/* How many of the bytes at text are one well-formed UTF-8 character (RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF); 0 when they are none. */
static inline size_t utf8_character(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    if (size > 0 && s[0] < 0x80)
        return 1;
    size_t n = size == 0 || s[0] < 0xc2 ? 0
               : s[0] < 0xe0            ? 2
               : s[0] < 0xf0            ? 3
               : s[0] < 0xf5            ? 4
                                        : 0;
    if (n == 0 || n > size)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

#endif
