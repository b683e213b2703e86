#include "schema/value.h"

#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"

struct word {
    struct value base;
    char bytes[8];
};
static struct word null_word = {{VALUE_IMMORTAL, VALUE_TEXT, 0, 4}, "null"};
static struct word true_word = {{VALUE_IMMORTAL, VALUE_TEXT, 0, 4}, "true"};
static struct word false_word = {{VALUE_IMMORTAL, VALUE_TEXT, 0, 5}, "false"};

struct value *const value_null = &null_word.base;
struct value *const value_true = &true_word.base;
struct value *const value_false = &false_word.base;

struct value *value_from_text(const char *text, size_t size)
{
    struct value_text *v = allocate(sizeof *v + size + 1);
    if (!v)
        return NULL;
    v->base = (struct value){1, VALUE_TEXT, 0, size};
    memcpy(v->bytes, text, size);
    v->bytes[size] = '\0';
    return &v->base;
}

struct value *value_from_string(const char *text, size_t size)
{
    struct buffer json = {0};
    buffer_json_string(&json, text, size);
    struct value *value = json.failed ? NULL : value_from_text(json.bytes, json.size);
    buffer_release(&json);
    return value;
}

struct value *value_list_new(size_t n)
{
    struct value_list *v = allocate(sizeof *v + n * sizeof *v->items);
    if (!v)
        return NULL;
    /* "[]", n times "null", and the commas between them */
    v->base = (struct value){1, VALUE_LIST, 1, 2 + n * value_null->size + (n ? n - 1 : 0)};
    v->n = n;
    for (size_t i = 0; i < n; i++)
        v->items[i] = value_null;
    return &v->base;
}

struct value *value_joined_new(size_t n)
{
    struct value *v = value_list_new(n);
    if (v) {
        v->kind = VALUE_JOINED;
        v->size = n * value_null->size;
    }
    return v;
}

void value_list_set(struct value *list, size_t i, struct value *item)
{
    struct value_list *v = (struct value_list *)list;
    v->base.size += item->size - v->items[i]->size;
    if (item->depth >= v->base.depth)
        v->base.depth = (uint16_t)(item->depth + 1);
    v->items[i] = item;
}

struct value *value_ref(struct value *value)
{
    if (value->refs != VALUE_IMMORTAL)
        value->refs++;
    return value;
}

static void release_exception(struct exception *e)
{
    if (e->link) {
        *e->link = e->next;
        if (e->next)
            e->next->link = e->link;
    }
    value_unref(e->cause);
    value_unref(e->context);
    value_unref(e->exceptions);
}

void value_unref(struct value *value)
{
    if (!value || value->refs == VALUE_IMMORTAL || --value->refs)
        return;
    if (value->kind == VALUE_LIST || value->kind == VALUE_JOINED) {
        struct value_list *v = (struct value_list *)value;
        for (size_t i = 0; i < v->n; i++)
            value_unref(v->items[i]);
    } else if (value->kind == VALUE_EXCEPTION) {
        release_exception((struct exception *)value);
    } else if (value->kind == VALUE_HANDLE) {
        struct value_handle *handle = (struct value_handle *)value;
        handle->release(handle);
        return;
    }
    free(value);
}

static void write_list(struct buffer *b, const struct value_list *list)
{
    buffer_char(b, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buffer_char(b, ',');
        value_write(b, list->items[i]);
    }
    buffer_char(b, ']');
}

static void write_joined(struct buffer *b, const struct value_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i]->kind == VALUE_EXCEPTION)
            exception_write(b, list->items[i]);
        else
            value_write(b, list->items[i]);
    }
}

/* ---- exceptions ---- */

static void write_error(struct buffer *b, struct exception *e, unsigned depth);

static void write_exceptions(struct buffer *b, const struct value_list *list, unsigned depth)
{
    buffer_text(b, ",\"exceptions\":[");
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buffer_char(b, ',');
        write_error(b, (struct exception *)list->items[i], depth);
    }
    buffer_char(b, ']');
}

/* What a traceback would show above this one: the cause, or else the context. */
static struct exception *shown_context(const struct exception *e)
{
    struct value *shown = e->cause ? e->cause : e->hides_context ? NULL : e->context;
    return (struct exception *)shown;
}

/* Exceptions can go in circles: a group whose member was raised again while the group was handled.
 */
static void write_error(struct buffer *b, struct exception *e, unsigned depth)
{
    struct exception *context = shown_context(e);
    buffer_add(b, e->json, e->json_size);
    if (depth < VALUE_DEPTH_MAX && !e->is_on_path) {
        e->is_on_path = true;
        if (e->exceptions)
            write_exceptions(b, (struct value_list *)e->exceptions, depth + 1);
        if (context && !context->is_on_path && b->size < VALUE_CONTEXTS_MAX) {
            buffer_text(b, ",\"context\":");
            write_error(b, context, depth + 1);
        }
        e->is_on_path = false;
    }
    buffer_char(b, '}');
}

void exception_write(struct buffer *b, const struct value *exception)
{
    write_error(b, (struct exception *)exception, 0);
}

void value_write(struct buffer *b, const struct value *value)
{
    switch (value->kind) {
    case VALUE_TEXT:
        buffer_add(b, ((const struct value_text *)value)->bytes, value->size);
        break;
    case VALUE_LIST:
        write_list(b, (const struct value_list *)value);
        break;
    case VALUE_JOINED:
        write_joined(b, (const struct value_list *)value);
        break;
    case VALUE_EXCEPTION:
        buffer_text(b, "{\"error\":");
        exception_write(b, value);
        buffer_char(b, '}');
        break;
    case VALUE_HANDLE:
        buffer_text(b, "null");
        break;
    }
}
