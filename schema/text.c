/* Strings and constants of specs that hold no references: escapes are undone, and what is left is
 * kept for as long as the plan lives. */
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/compile.h"
#include "schema/json.h"

bool compile_is_reference(const char *string)
{
    for (const char *at = strstr(string, "${"); at; at = strstr(at + 2, "${"))
        if (at == string || at[-1] != '$')
            return true;
    return false;
}

/* Some string in the value is such a one. As deep as the reader lets a document be. */
static bool has_string(const json_t *value, bool (*is_such)(const char *string))
{
    const char *key;
    json_t *member;
    if (json_is_string(value))
        return is_such(json_string_value(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        if (has_string(json_array_get(value, i), is_such))
            return true;
    json_object_foreach((json_t *)value, key, member)
    {
        if (has_string(member, is_such))
            return true;
    }
    return false;
}

bool compile_has_references(const json_t *value)
{
    return has_string(value, compile_is_reference);
}

static bool has_escapes(const char *string)
{
    return strstr(string, "$${") != NULL;
}

/* The text without the escapes; the caller frees. */
static char *unescape(struct compiler *c, const json_t *value)
{
    const char *from = json_string_value(value);
    char *text = allocate(json_string_length(value) + 1), *to = text;
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
    if (c->is_evaluated || !has_escapes(json_string_value(value)))
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
    if (!has_escapes(json_string_value(member)))
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
            json_t *plain = without_escapes(c, json_array_get(value, i));
            good &= plain && json_array_set_new(value, i, plain) == 0;
        }
    } else if (json_is_object(value)) {
        const char *key;
        json_t *member;
        json_object_foreach(value, key, member)
        {
            json_t *plain = without_escapes(c, member);
            good &= plain && json_object_set_new(value, key, plain) == 0;
        }
    }
    return good;
}

json_t *compile_unescape(struct compiler *c, const json_t *value)
{
    json_t *copy = json_deep_copy(value);
    json_t *plain = copy ? without_escapes(c, copy) : NULL;
    json_decref(copy);
    c->out_of_memory |= !plain;
    return plain;
}

bool compile_constant(struct compiler *c, const json_t *value, union argument *out)
{
    struct buffer text = {0};
    json_write(&text, value);
    struct value_text *kept =
        text.failed ? NULL : plan_allocate(c->plan, sizeof *kept + text.size + 1);
    if (kept) {
        kept->base = (struct value){VALUE_IMMORTAL, VALUE_TEXT, 0, text.size};
        memcpy(kept->bytes, text.bytes, text.size + 1);
        out->json = &kept->base;
    }
    buffer_release(&text);
    c->out_of_memory |= !kept;
    return kept != NULL;
}

bool compile_json(struct compiler *c, const json_t *value, union argument *out)
{
    if (!has_string(value, has_escapes))
        return compile_constant(c, value, out);
    json_t *plain = compile_unescape(c, value);
    bool is_good = plain && compile_constant(c, plain, out);
    json_decref(plain);
    return is_good;
}
