/* Cuts what comes in pieces into lines of clean text: invalid UTF-8 and NUL become U+FFFD, the
 * carriage return before a line feed goes away, and a line of more than LINE_BYTES_MAX comes in
 * several parts, none of which cuts a character. Pure. [any] */
#ifndef AWAITD_RUNTIME_LINE_SPLITTER_H
#define AWAITD_RUNTIME_LINE_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/buffer.h"

#define LINE_BYTES_MAX 8192 /* of a part, before it is cleaned */

/* Gets a line without its end, NUL-terminated; borrowed during the call. */
typedef void (*line_cb)(void *context, const char *line, size_t size);

/* Starts with {0}. */
struct line_splitter {
    struct buffer rest; /* of a line whose end did not come yet */
    bool is_told;       /* parts of it were */
};

void line_splitter_add(struct line_splitter *splitter, const char *bytes, size_t size, line_cb each,
                       void *context);
/* Nothing more comes: tells the last line, if it has no end. It is {0} again. */
void line_splitter_end(struct line_splitter *splitter, line_cb each, void *context);
void line_splitter_release(struct line_splitter *splitter);

#endif
