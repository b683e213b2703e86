#include "runtime/exception.h"

#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/job.h"
#include "schema/exception_type.h"

static void write_parts(struct buffer *b, const struct plan *plan, uint32_t node,
                        const struct exception_parts *parts)
{
    buffer_format(b, "{\"type\":\"%s\",\"message\":", parts->type);
    buffer_json_message(b, parts->message ? parts->message : "");
    buffer_text(b, ",\"path\":");
    plan_path_json(plan, node, b);
    if (parts->details)
        buffer_format(b, ",\"details\":%s", parts->details);
}

static struct exception *from_json(const struct buffer *json, uint32_t node, size_t type_size,
                                   bool is_cancelled)
{
    BUG_ON(json->failed || type_size > UINT8_MAX || json->size > UINT32_MAX);
    struct exception *e = memory_new(sizeof *e + json->size);
    *e = (struct exception){.base = {1, VALUE_EXCEPTION, 1, json->size + EXCEPTION_WRAPPING},
                            .is_cancelled = is_cancelled,
                            .node = node,
                            .type_size = (uint8_t)type_size,
                            .json_size = (uint32_t)json->size};
    memcpy(e->json, json->bytes, json->size);
    return e;
}

struct value *exception_new(const struct plan *plan, uint32_t node,
                            const struct exception_parts *parts)
{
    struct buffer json = {0};
    write_parts(&json, plan, node, parts);
    struct exception *e =
        from_json(&json, node, strlen(parts->type), strcmp(parts->type, "CancelledError") == 0);
    buffer_release(&json);
    e->hides_context = parts->hides_context;
    e->cause = parts->cause ? value_ref(parts->cause) : NULL;
    e->exceptions = parts->exceptions;
    if (e->exceptions) {
        e->base.size += strlen(",\"exceptions\":") + e->exceptions->size;
        e->base.depth = (uint16_t)(e->exceptions->depth + 1);
    }
    return &e->base;
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
    buffer_char(&json, '"');
    struct exception *e = from_json(&json, node, strlen("CancelledError"), true);
    buffer_release(&json);
    return &e->base;
}

struct value *exception_copy(const struct value *exception)
{
    const struct exception *from = (const struct exception *)exception;
    struct buffer json = {0};
    buffer_add(&json, from->json, from->json_size);
    struct exception *e = from_json(&json, from->node, from->type_size, from->is_cancelled);
    buffer_release(&json);
    return &e->base;
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

struct value *exception_raised(const struct plan *plan, uint32_t node, const char *type,
                               const char *message)
{
    type = exception_type_name(type);
    if (message && strcmp(type, "KeyError") == 0)
        return exception_key_error(plan, node, message);
    return exception_new(plan, node, &(struct exception_parts){.type = type, .message = message});
}

/* ---- groups ---- */

void exception_write_group_message(struct buffer *b, const char *message, size_t n)
{
    buffer_format(b, "%s (%zu sub-exception%s)", message, n, n == 1 ? "" : "s");
}

struct value *exception_group(const struct plan *plan, uint32_t node, const char *message,
                              struct value *exceptions, bool hides_context)
{
    const struct value_list *list = (const struct value_list *)exceptions;
    bool are_exceptions = true;
    struct buffer text = {0};
    for (size_t i = 0; i < list->n; i++)
        are_exceptions &= exception_is(list->items[i], "Exception");
    exception_write_group_message(&text, message, list->n);
    const struct exception_parts parts = {.type = are_exceptions ? "ExceptionGroup"
                                                                 : "BaseExceptionGroup",
                                          .message = text.bytes,
                                          .exceptions = exceptions,
                                          .hides_context = hides_context};
    struct value *e = exception_new(plan, node, &parts);
    buffer_release(&text);
    return e;
}

/* ---- types ---- */

static void copy_type(const struct value *exception, char type[UINT8_MAX + 1])
{
    const struct exception *e = (const struct exception *)exception;
    memcpy(type, e->json + EXCEPTION_TYPE_AT, e->type_size);
    type[e->type_size] = '\0';
}

bool exception_is(const struct value *exception, const char *wanted)
{
    char type[UINT8_MAX + 1];
    copy_type(exception, type);
    return exception_type_is(type, wanted);
}

bool exception_is_one_of(const struct value *exception, const char *const *types)
{
    for (; *types; types++)
        if (exception_is(exception, *types))
            return true;
    return false;
}

/* ---- context ---- */

static void replace_context(struct job *job, struct exception *e, struct value *context)
{
    struct value *former = e->context;
    e->context = context ? value_ref(context) : NULL;
    if (!e->link) {
        e->next = job->with_context;
        e->link = &job->with_context;
        if (e->next)
            e->next->link = &e->next;
        job->with_context = e;
    }
    value_unref(former);
}

void exception_set_context(struct job *job, struct value *exception, struct value *handled)
{
    struct exception *o = (struct exception *)handled;
    if (exception == handled)
        return;
    for (; o->context; o = (struct exception *)o->context)
        if (o->context == exception) {
            replace_context(job, o, NULL);
            break;
        }
    replace_context(job, (struct exception *)exception, handled);
}

void exception_drop_contexts(struct job *job)
{
    while (job->with_context) {
        struct exception *e = job->with_context;
        job->with_context = e->next;
        if (e->next)
            e->next->link = &job->with_context;
        e->link = NULL;
        struct value *context = e->context;
        e->context = NULL;
        value_unref(context);
    }
}
