/* Identifiers: UUIDv7 (RFC 9562, section 5.7, method 3: the 12 bits after the milliseconds hold the
 * fraction of one), so that ids sort by their time of creation. Pure: time and chance are given.
 * [any] */
#ifndef AWAITD_SCHEMA_ID_H
#define AWAITD_SCHEMA_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_TEXT_SIZE 37 /* 36 characters and the NUL */

struct id {
    uint8_t bytes[16];
};

struct id id_make(int64_t at_us, uint64_t random);
void id_format(const struct id *id, char text[ID_TEXT_SIZE]);
/* Accepts the canonical form in either case, of any UUID version; false otherwise. */
bool id_parse(const char *text, size_t size, struct id *out);
/* Whether it is one of those, whoever made it. */
bool id_is_v7(const struct id *id);
int id_compare(const struct id *a, const struct id *b); /* as memcmp */

#endif
