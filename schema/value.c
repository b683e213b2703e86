#include "schema/value.h"

#include <stdlib.h>
#include <string.h>

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
    struct value_text *v = malloc(sizeof *v + size + 1);
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
    struct value_list *v = malloc(sizeof *v + n * sizeof *v->items);
    if (!v)
        return NULL;
    /* "[]", n times "null", and the commas between them */
    v->base = (struct value){1, VALUE_LIST, 1, 2 + n * value_null->size + (n ? n - 1 : 0)};
    v->n = n;
    for (size_t i = 0; i < n; i++)
        v->items[i] = value_null;
    return &v->base;
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

void value_unref(struct value *value)
{
    if (!value || value->refs == VALUE_IMMORTAL || --value->refs)
        return;
    if (value->kind == VALUE_LIST) {
        struct value_list *v = (struct value_list *)value;
        for (size_t i = 0; i < v->n; i++)
            value_unref(v->items[i]);
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

void value_write(struct buffer *b, const struct value *value)
{
    switch (value->kind) {
    case VALUE_TEXT:
        buffer_add(b, ((const struct value_text *)value)->bytes, value->size);
        break;
    case VALUE_LIST:
        write_list(b, (const struct value_list *)value);
        break;
    case VALUE_EXCEPTION:
        buffer_text(b, "{\"error\":");
        buffer_add(b, ((const struct exception *)value)->json, exception_json_size(value));
        buffer_char(b, '}');
        break;
    }
}
