#include "schema/utf8.h"

#include <stdint.h>

/* How many bytes a character has, by its first one; 0 when none begins so. */
static size_t length_of(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

size_t utf8_character(const char *text, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    size_t n = size ? length_of(*s) : 0;
    if (n <= 1 || n > size)
        return n > size ? 0 : n;
    uint32_t c = *s & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

bool utf8_is_valid(const char *text, size_t size)
{
    for (size_t n; size > 0; text += n, size -= n)
        if ((n = utf8_character(text, size)) == 0)
            return false;
    return true;
}

void utf8_mend(char *text, size_t size)
{
    for (size_t i = 0, n; i < size; i += n) {
        n = utf8_character(text + i, size - i);
        if (n == 0) {
            text[i] = '?';
            n = 1;
        }
    }
}

size_t utf8_count(const char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

size_t utf8_whole(const char *text, size_t size)
{
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        unsigned char c = (unsigned char)text[size - back];
        if ((c & 0xc0) != 0x80)
            return length_of(c) > back ? size - back : size;
    }
    return size;
}
