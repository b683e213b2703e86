/* Is it UTF-8? (RFC 3629.) Pure. [any] */
#ifndef AWAITD_SCHEMA_UTF8_H
#define AWAITD_SCHEMA_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const char *bytes, size_t size);
/* size, less the bytes of a character that is cut off at the end. */
size_t utf8_whole(const char *bytes, size_t size);

#endif
