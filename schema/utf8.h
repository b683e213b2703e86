/* Questions about bytes that came from outside: are they UTF-8? (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF.) Pure. [any] */
#ifndef AWAITD_SCHEMA_UTF8_H
#define AWAITD_SCHEMA_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many of the bytes at text are one well-formed character; 0 when they are none. */
size_t utf8_character(const char *text, size_t size);
bool utf8_is_valid(const char *text, size_t size);
/* Characters of a text that is well-formed. */
size_t utf8_count(const char *text, size_t size);
/* Bytes that are no characters become question marks, each of them. */
void utf8_mend(char *text, size_t size);
/* size, less the bytes of a character that is cut off at the end. */
size_t utf8_whole(const char *text, size_t size);

#endif
