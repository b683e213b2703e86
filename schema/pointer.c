/* Where the compiler is in the spec, and what it has to complain about there. */
#include <stdarg.h>
#include <stdio.h>

#include "schema/allocate.h"
#include "schema/compile.h"

bool compile_is_out_of_memory(const struct compiler *c)
{
    return !c->plan || c->out_of_memory || c->path.failed || allocate_failures() != c->n_failures;
}

void compile_error(struct compiler *c, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *path = c->path.bytes ? c->path.bytes : "";
    error_list_add(c->errors, c->place ? c->place : path, "%s", text);
}

/* ---- the pointer to what is being looked at ---- */

size_t compile_enter(struct compiler *c, const char *key)
{
    size_t mark = c->path.size;
    buffer_char(&c->path, '/');
    for (; *key; key++) {
        if (*key == '~' || *key == '/') /* RFC 6901, section 3 */
            buffer_text(&c->path, *key == '~' ? "~0" : "~1");
        else
            buffer_char(&c->path, *key);
    }
    return mark;
}

size_t compile_enter_index(struct compiler *c, size_t index)
{
    size_t mark = c->path.size;
    buffer_format(&c->path, "/%zu", index);
    return mark;
}

void compile_leave(struct compiler *c, size_t mark)
{
    if (c->path.failed)
        return;
    c->path.size = mark;
    c->path.bytes[mark] = '\0';
}
