/* Growing text, and JSON written into it. The one way in which this program makes text of unknown
 * length. Not shared between threads. [any] */
#ifndef AWAITD_SCHEMA_BUFFER_H
#define AWAITD_SCHEMA_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start with {0}. `bytes` is NUL-terminated once anything was added. When memory runs out `failed`
 * is set, further additions do nothing, and the owner checks it once at the end. */
struct buffer {
    char *bytes;
    size_t size, capacity;
    bool failed;
};

void buffer_add(struct buffer *b, const void *bytes, size_t size);
void buffer_text(struct buffer *b, const char *text); /* a C string, as it is */
void buffer_char(struct buffer *b, char c);
void buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string in quotes, escaped (RFC 8259, section 7). `text` must be UTF-8. */
void buffer_json_string(struct buffer *b, const char *text, size_t size);
/* The same of a text for people that may quote anything, or be cut in the middle of a character. */
void buffer_json_message(struct buffer *b, const char *text);
/* The shortest decimal that reads back as the same double, as Python prints it: 3.0 keeps its ".0".
 */
void buffer_json_real(struct buffer *b, double number);
/* RFC 3339 in UTC with microseconds, in quotes; null for 0. */
void buffer_json_time(struct buffer *b, int64_t at_us);

/* Gives the bytes away (caller frees, NULL when empty or failed) and empties the buffer. */
char *buffer_take(struct buffer *b);
void buffer_release(struct buffer *b);

#endif
