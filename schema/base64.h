/* Base64 as in RFC 4648, section 4, and for URLs, section 5. Pure. [any] */
#ifndef AWAITD_SCHEMA_BASE64_H
#define AWAITD_SCHEMA_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/buffer.h"

/* Appends the digits, padded. */
void buffer_base64(struct buffer *b, const void *bytes, size_t size);

/* At most so many bytes come of a text of that size. */
static inline size_t base64_decoded_max(size_t size)
{
    return size / 4 * 3;
}

/* Decodes a text of whole groups of four digits, with padding, into `out`, which has room for
 * base64_decoded_max bytes. False when it is none: other characters, bits behind the end. */
bool base64_decode(const char *text, size_t size, void *out, size_t *out_size);

/* The same for URLs, without padding. */
void buffer_base64url(struct buffer *b, const void *bytes, size_t size);
/* Decodes a text into `out`, which has room for as many bytes as it has digits. False when it is
 * not the one text of any bytes. */
bool base64url_decode(const char *text, void *out, size_t *out_size);

#endif
