#include "schema/reference.h"

#include <stdlib.h>
#include <string.h>

/* ---- moving through JSON text that this program wrote: valid, and without blanks ---- */

static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at + 1;
}

static const char *skip_value(const char *at)
{
    unsigned depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
    } while (depth > 0 || !strchr(",]}", *at)); /* strchr finds the NUL as well */
    return at;
}

bool array_next(const char *array, const char **at, size_t *size)
{
    const char *item = *at ? *at + *size : array;
    item++; /* the bracket, or the comma */
    if (!*at && *item == ']')
        return false;
    if (*at && item[-1] != ',')
        return false;
    *at = item;
    *size = (size_t)(skip_value(item) - item);
    return true;
}

struct slice {
    const char *at;
    size_t size;
};

static struct slice find_member(const char *object, const struct reference_step *step)
{
    const char *at = object + 1;
    while (*at == '"') {
        const char *key = at, *value = skip_string(at) + 1;
        const char *end = skip_value(value);
        if ((size_t)(value - 1 - key) == step->key_size &&
            memcmp(key, step->key, step->key_size) == 0)
            return (struct slice){value, (size_t)(end - value)};
        at = *end == ',' ? end + 1 : end;
    }
    return (struct slice){0};
}

static int64_t count_items(const char *array)
{
    int64_t n = 0;
    const char *at = NULL;
    for (size_t size; array_next(array, &at, &size);)
        n++;
    return n;
}

static struct slice find_item(const char *array, int64_t index)
{
    struct slice item = {0};
    if (index < 0)
        index += count_items(array);
    for (; index >= 0 && array_next(array, &item.at, &item.size); index--)
        if (index == 0)
            return item;
    return (struct slice){0};
}

static struct slice follow(const char *text, const struct reference_step *steps, uint32_t n)
{
    struct slice now = {text, strlen(text)};
    for (uint32_t i = 0; i < n && now.at; i++) {
        char opening = steps[i].key ? '{' : '[';
        if (*now.at != opening)
            return (struct slice){0};
        now = steps[i].key ? find_member(now.at, &steps[i]) : find_item(now.at, steps[i].index);
    }
    return now;
}

/* ---- values ---- */

static struct value *list_item(const struct value_list *list, int64_t index)
{
    if (index < 0)
        index += (int64_t)list->n;
    return index >= 0 && (uint64_t)index < list->n ? list->items[index] : NULL;
}

struct value *reference_follow(const struct reference *reference, struct value *variable)
{
    const struct reference_step *steps = reference->steps;
    uint32_t n = reference->n_steps;
    struct value *at = variable;
    for (; n > 0 && at && at->kind == VALUE_LIST; n--, steps++)
        at = steps->key ? NULL : list_item((struct value_list *)at, steps->index);
    if (!at || n == 0)
        return at ? value_ref(at) : NULL;
    struct buffer text = {0};
    if (at->kind != VALUE_TEXT)
        value_write(&text, at);
    struct slice found = {0};
    if (!text.failed)
        found = follow(text.bytes ? text.bytes : ((struct value_text *)at)->bytes, steps, n);
    struct value *value = found.at ? value_from_text(found.at, found.size) : NULL;
    buffer_release(&text);
    return value;
}

/* ---- as text ---- */

static void write_character(struct buffer *b, uint32_t code)
{
    if (code < 0x80) {
        buffer_char(b, (char)code);
    } else if (code < 0x800) {
        buffer_char(b, (char)(0xc0 | code >> 6));
        buffer_char(b, (char)(0x80 | (code & 0x3f)));
    } else {
        buffer_char(b, (char)(0xe0 | code >> 12));
        buffer_char(b, (char)(0x80 | (code >> 6 & 0x3f)));
        buffer_char(b, (char)(0x80 | (code & 0x3f)));
    }
}

/* What a JSON string says. Of those that this program writes, only control characters stand as
 * \uXXXX. */
static void write_unquoted(struct buffer *b, const char *at)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    for (at++; *at != '"'; at++) {
        if (*at != '\\') {
            buffer_char(b, *at);
            continue;
        }
        const char *letter = strchr(letters, *++at);
        if (*at == 'u') {
            char digits[5] = {at[1], at[2], at[3], at[4], 0};
            write_character(b, (uint32_t)strtoul(digits, NULL, 16));
            at += 4;
        } else {
            buffer_char(b, letter ? meant[letter - letters] : *at);
        }
    }
}

static void write_text(struct buffer *b, const struct value *value)
{
    if (value->kind == VALUE_TEXT && *((const struct value_text *)value)->bytes == '"')
        write_unquoted(b, ((const struct value_text *)value)->bytes);
    else
        value_write(b, value);
}

void reference_write(struct buffer *b, enum part_kind kind, const struct value *value)
{
    if (kind == PART_VALUE) {
        value_write(b, value);
    } else if (kind == PART_TEXT) {
        write_text(b, value);
    } else {
        struct buffer text = {0}, string = {0};
        write_text(&text, value);
        buffer_json_string(&string, text.bytes ? text.bytes : "", text.size);
        if (string.size >= 2)
            buffer_add(b, string.bytes + 1, string.size - 2); /* within quotes already */
        b->failed |= text.failed || string.failed;
        buffer_release(&text);
        buffer_release(&string);
    }
}
