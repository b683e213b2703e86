#include "runtime/exception.h"

#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"

static void write_parts(struct buffer *b, const struct plan *plan, uint32_t node,
                        const struct exception_parts *parts)
{
    buffer_format(b, "{\"type\":\"%s\",\"message\":", parts->type);
    const char *message = parts->message ? parts->message : "";
    buffer_json_string(b, message, strlen(message));
    buffer_text(b, ",\"path\":");
    struct buffer path = {0};
    plan_path(plan, node, &path);
    buffer_json_string(b, path.bytes ? path.bytes : "", path.size);
    buffer_release(&path);
    if (parts->details)
        buffer_format(b, ",\"details\":%s", parts->details);
    if (parts->context) {
        buffer_text(b, ",\"context\":");
        buffer_add(b, exception_json(parts->context), exception_json_size(parts->context));
    }
    buffer_char(b, '}');
}

static struct value *from_json(const struct buffer *json, uint32_t node, size_t type_size,
                               bool is_cancelled)
{
    BUG_ON(json->failed || type_size > UINT8_MAX);
    struct exception *e = memory_new(sizeof *e + json->size + 1);
    e->base = (struct value){1, VALUE_EXCEPTION, 1, json->size + EXCEPTION_WRAPPING};
    e->is_cancelled = is_cancelled;
    e->node = node;
    e->type_size = (uint8_t)type_size;
    memcpy(e->json, json->bytes, json->size + 1);
    return &e->base;
}

struct value *exception_new(const struct plan *plan, uint32_t node,
                            const struct exception_parts *parts)
{
    struct buffer json = {0};
    write_parts(&json, plan, node, parts);
    struct value *e =
        from_json(&json, node, strlen(parts->type), strcmp(parts->type, "CancelledError") == 0);
    buffer_release(&json);
    return e;
}

struct value *exception_cancelled(const struct plan *plan, uint32_t node,
                                  const struct value *message)
{
    struct buffer json = {0};
    buffer_text(&json, "{\"type\":\"CancelledError\",\"message\":");
    if (message)
        value_write(&json, message);
    else
        buffer_text(&json, "\"\"");
    buffer_text(&json, ",\"path\":\"");
    plan_path(plan, node, &json); /* field names and indices: nothing to escape */
    buffer_text(&json, "\"}");
    struct value *e = from_json(&json, node, strlen("CancelledError"), true);
    buffer_release(&json);
    return e;
}

void exception_write_repr(struct buffer *b, const char *text)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    buffer_char(b, quote);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == (unsigned char)quote || c == '\\')
            buffer_format(b, "\\%c", c);
        else if (c == '\n' || c == '\t' || c == '\r')
            buffer_text(b, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else if (c < 0x20 || c == 0x7f)
            buffer_format(b, "\\x%02x", c);
        else
            buffer_char(b, (char)c);
    }
    buffer_char(b, quote);
}

struct value *exception_key_error(const struct plan *plan, uint32_t node, const char *name)
{
    struct buffer message = {0};
    exception_write_repr(&message, name);
    struct value *e = exception_new(
        plan, node, &(struct exception_parts){.type = "KeyError", .message = message.bytes});
    buffer_release(&message);
    return e;
}
