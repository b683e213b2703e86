/* Strings and constants of specs that hold no references: escapes are undone, and what is left is
 * kept for as long as the plan lives. */
#include <stdlib.h>
#include <string.h>

#include "schema/compile.h"
#include "schema/json.h"

bool compile_is_reference(const char *string)
{
    for (const char *at = strstr(string, "${"); at; at = strstr(at + 2, "${"))
        if (at == string || at[-1] != '$')
            return true;
    return false;
}

bool compile_has_references(const json_t *value)
{
    const char *key;
    json_t *member;
    if (json_is_string(value))
        return compile_is_reference(json_string_value(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        if (compile_has_references(json_array_get(value, i)))
            return true;
    json_object_foreach((json_t *)value, key, member)
    {
        if (compile_has_references(member))
            return true;
    }
    return false;
}

static bool has_escapes(const json_t *string)
{
    return strstr(json_string_value(string), "$${") != NULL;
}

/* The text without the escapes; the caller frees. */
static char *unescape(struct compiler *c, const json_t *value)
{
    const char *from = json_string_value(value);
    char *text = malloc(json_string_length(value) + 1), *to = text;
    if (!text) {
        c->out_of_memory = true;
        return NULL;
    }
    while (*from) {
        if (strncmp(from, "$${", 3) == 0)
            from++;
        *to++ = *from++;
    }
    *to = '\0';
    return text;
}

const struct text *compile_keep_text(struct compiler *c, const char *bytes, size_t size)
{
    struct text *text = plan_allocate(c->plan, sizeof *text + size + 1);
    if (!text) {
        c->out_of_memory = true;
        return NULL;
    }
    char *copy = (char *)(text + 1);
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    *text = (struct text){size, copy};
    return text;
}

const struct text *compile_text(struct compiler *c, const json_t *value)
{
    if (!json_is_string(value)) {
        compile_wrong_type(c, "a string", value);
        return NULL;
    }
    if (!has_escapes(value))
        return compile_keep_text(c, json_string_value(value), json_string_length(value));
    char *plain = unescape(c, value);
    const struct text *text = plain ? compile_keep_text(c, plain, strlen(plain)) : NULL;
    free(plain);
    return text;
}

/* ---- constants ---- */

static bool replace_strings(struct compiler *c, json_t *value);

/* The member itself if it is no string, else what it says without escapes. New reference. */
static json_t *without_escapes(struct compiler *c, json_t *member)
{
    if (!json_is_string(member))
        return replace_strings(c, member) ? json_incref(member) : NULL;
    if (!has_escapes(member))
        return json_incref(member);
    char *plain = unescape(c, member);
    if (!plain)
        return NULL;
    json_t *string = json_string(plain);
    free(plain);
    return string;
}

/* Works in place on a copy of the constant; depth is limited by the reader. */
static bool replace_strings(struct compiler *c, json_t *value)
{
    bool good = true;
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            size_t mark = compile_enter_index(c, i);
            json_t *plain = without_escapes(c, json_array_get(value, i));
            good &= plain && json_array_set_new(value, i, plain) == 0;
            compile_leave(c, mark);
        }
    } else if (json_is_object(value)) {
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
        {
            size_t mark = compile_enter(c, key);
            json_t *plain = without_escapes(c, member);
            good &= plain && json_object_set_new(value, key, plain) == 0;
            compile_leave(c, mark);
        }
    }
    return good;
}

static bool keep_json(struct compiler *c, const char *bytes, size_t size, union argument *out)
{
    struct value_text *value = plan_allocate(c->plan, sizeof *value + size + 1);
    if (!value || !bytes) {
        c->out_of_memory = true;
        return false;
    }
    value->base = (struct value){VALUE_IMMORTAL, VALUE_TEXT, 0, size};
    memcpy(value->bytes, bytes, size);
    value->bytes[size] = '\0';
    out->json = &value->base;
    return true;
}

bool compile_json(struct compiler *c, const json_t *value, union argument *out)
{
    struct buffer text = {0};
    json_write(&text, value);
    if (text.bytes && strstr(text.bytes, "$${")) {
        json_t *copy = json_deep_copy(value);
        json_t *plain = copy ? without_escapes(c, copy) : NULL;
        buffer_release(&text);
        text = (struct buffer){0};
        if (plain)
            json_write(&text, plain);
        json_decref(plain);
        json_decref(copy);
        if (!plain)
            return false;
    }
    bool good = keep_json(c, text.failed ? NULL : text.bytes, text.size, out);
    buffer_release(&text);
    return good;
}
