#include "schema/id.h"

#include <string.h>

struct id id_make(int64_t at_us, uint64_t random)
{
    uint64_t us = at_us > 0 ? (uint64_t)at_us : 0;
    uint64_t ms = us / 1000, fraction = us % 1000 * 4096 / 1000;
    uint64_t high = ms << 16 | 7u << 12 | fraction;
    uint64_t low = random >> 2 | UINT64_C(1) << 63;
    struct id id;
    for (int i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(high >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    return id;
}

/* Where a byte's two digits stand in the text: after 4, 6, 8 and 10 bytes comes a hyphen. */
static int text_position(int byte)
{
    return 2 * byte + (byte >= 4) + (byte >= 6) + (byte >= 8) + (byte >= 10);
}

void id_format(const struct id *id, char text[ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    memset(text, '-', ID_TEXT_SIZE - 1);
    for (int i = 0; i < 16; i++) {
        char *at = text + text_position(i);
        at[0] = digits[id->bytes[i] >> 4];
        at[1] = digits[id->bytes[i] & 15];
    }
    text[ID_TEXT_SIZE - 1] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool id_parse(const char *text, size_t size, struct id *out)
{
    if (size != ID_TEXT_SIZE - 1)
        return false;
    if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
        return false;
    struct id id;
    for (int i = 0; i < 16; i++) {
        int high = digit_value(text[text_position(i)]);
        int low = digit_value(text[text_position(i) + 1]);
        if (high < 0 || low < 0)
            return false;
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = id;
    return true;
}

bool id_is_v7(const struct id *id)
{
    return id->bytes[6] >> 4 == 7 && id->bytes[8] >> 6 == 2;
}

int id_compare(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}
