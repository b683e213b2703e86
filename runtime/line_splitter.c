#include "runtime/line_splitter.h"

#include <string.h>

#include "runtime/base/memory.h"
#include "schema/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static void write_clean(struct buffer *out, const char *text, size_t size)
{
    for (size_t n; size > 0; text += n, size -= n) {
        n = utf8_character(text, size);
        if (n == 0 || *text == '\0') {
            buffer_text(out, REPLACEMENT);
            n = 1;
        } else
            buffer_add(out, text, n);
    }
}

/* The first `size` bytes of what is kept; they are not dropped. */
static void tell(struct line_splitter *splitter, size_t size, line_cb each, void *context)
{
    char *text = splitter->rest.bytes ? splitter->rest.bytes : "";
    if (splitter->rest.size == size && utf8_is_valid(text, size) && !memchr(text, '\0', size)) {
        each(context, text, size);
        return;
    }
    struct buffer clean = {0};
    buffer_add(&clean, "", 0);
    write_clean(&clean, text, size);
    memory_need(clean.failed ? NULL : splitter);
    each(context, clean.bytes ? clean.bytes : "", clean.size);
    buffer_release(&clean);
}

/* What is kept is a whole part, or has the beginning of a character behind it. */
static void tell_part(struct line_splitter *splitter, line_cb each, void *context)
{
    struct buffer *rest = &splitter->rest;
    size_t size = utf8_whole(rest->bytes, rest->size), left = rest->size - size;
    tell(splitter, size, each, context);
    memmove(rest->bytes, rest->bytes + size, left);
    rest->size = left;
    splitter->is_told = true;
}

static void tell_line(struct line_splitter *splitter, line_cb each, void *context)
{
    struct buffer *rest = &splitter->rest;
    if (rest->size > 0 && rest->bytes[rest->size - 1] == '\r')
        rest->bytes[--rest->size] = '\0';
    if (rest->size > 0 || !splitter->is_told)
        tell(splitter, rest->size, each, context);
    rest->size = 0;
    splitter->is_told = false;
}

static void keep(struct line_splitter *splitter, const char *bytes, size_t size)
{
    buffer_add(&splitter->rest, bytes, size);
    memory_need(splitter->rest.failed ? NULL : splitter);
}

void line_splitter_add(struct line_splitter *splitter, const char *bytes, size_t size, line_cb each,
                       void *context)
{
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t n = end ? (size_t)(end - bytes) : size, room = LINE_BYTES_MAX - splitter->rest.size;
        if (n > room) {
            keep(splitter, bytes, room);
            tell_part(splitter, each, context);
            bytes += room;
            size -= room;
            continue;
        }
        keep(splitter, bytes, n);
        if (end) {
            tell_line(splitter, each, context);
            n++;
        }
        bytes += n;
        size -= n;
    }
}

void line_splitter_end(struct line_splitter *splitter, line_cb each, void *context)
{
    if (splitter->rest.size > 0)
        tell_line(splitter, each, context);
    line_splitter_release(splitter);
}

void line_splitter_release(struct line_splitter *splitter)
{
    buffer_release(&splitter->rest);
    *splitter = (struct line_splitter){0};
}
