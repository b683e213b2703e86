/* RFC 4648, section 4. Pure. [any] */
#ifndef AWAITD_SCHEMA_BASE64_H
#define AWAITD_SCHEMA_BASE64_H

#include "schema/buffer.h"

/* Appends the bytes' base64, with padding, without quotes. */
void buffer_base64(struct buffer *b, const void *bytes, size_t size);

#endif
