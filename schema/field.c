/* Fields of nodes: each type's check, and the form in which a plan keeps it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schema/compile.h"
#include "schema/exception_type.h"
#include "schema/time.h"
#include "schema/utf8.h"

static const char *kind_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_NULL:
        return "null";
    default:
        return "a boolean";
    }
}

bool compile_wrong_type(struct compiler *c, const char *wanted, const json_t *value)
{
    compile_error(c, "must be %s, not %s", wanted, kind_of(value));
    c->is_type_error = true;
    return false;
}

/* ---- numbers ---- */

static bool compile_number(struct compiler *c, const struct field_shape *field, const json_t *value,
                           union argument *out)
{
    if (!json_is_number(value))
        return compile_wrong_type(c, field->nullable ? "a number or null" : "a number", value);
    double number = json_number_value(value);
    if (number < field->min || (field->max > 0 && number > field->max)) {
        if (field->max > 0)
            compile_error(c, "must be a number from %g to %.15g", field->min, field->max);
        else
            compile_error(c, "must be a number of at least %g", field->min);
        return false;
    }
    out->number = number;
    return true;
}

#define INTEGER_MAX 9007199254740992.0 /* up to there a double holds each */

static bool compile_integer(struct compiler *c, const struct field_shape *field,
                            const json_t *value, union argument *out)
{
    double number = json_number_value(value);
    if (!json_is_number(value) || (json_is_real(value) && number != floor(number)))
        return compile_wrong_type(c, "an integer", value);
    double max = field->max > 0 ? field->max : INTEGER_MAX;
    if (number < field->min || number > max) {
        compile_error(c, "must be an integer from %.0f to %.0f", field->min, max);
        return false;
    }
    out->integer = json_is_integer(value) ? json_integer_value(value) : (int64_t)number;
    return true;
}

/* With a min: only true. */
static bool compile_boolean(struct compiler *c, const struct field_shape *field,
                            const json_t *value, union argument *out)
{
    out->integer = json_is_true(value);
    if (!json_is_boolean(value))
        return compile_wrong_type(c, "true or false", value);
    if (out->integer || field->min <= 0)
        return true;
    compile_error(c, "must be true");
    return false;
}

/* ---- words ---- */

static bool compile_choice(struct compiler *c, const struct field_shape *field, const json_t *value,
                           union argument *out)
{
    size_t n = 0;
    struct buffer known = {0};
    for (; field->choices[n]; n++) {
        if (json_is_string(value) && strcmp(field->choices[n], json_string_value(value)) == 0) {
            out->integer = (int64_t)n;
            buffer_release(&known);
            return true;
        }
        buffer_format(&known, "%s'%s'", n ? ", " : "", field->choices[n]);
    }
    compile_error(c, "must be one of %s", known.bytes ? known.bytes : "");
    c->is_type_error = !json_is_string(value);
    buffer_release(&known);
    return false;
}

static bool compile_exception(struct compiler *c, const json_t *value, union argument *out)
{
    if (!json_is_string(value))
        return compile_wrong_type(c, "the name of an exception type", value);
    if (!exception_may_be_raised(json_string_value(value))) {
        compile_error(c, EXCEPTION_REFUSAL, json_string_value(value));
        return false;
    }
    out->text = compile_keep_text(c, json_string_value(value), json_string_length(value));
    return out->text != NULL;
}

/* ---- names ---- */

bool compile_is_name(const json_t *value)
{
    size_t n =
        json_is_string(value) ? utf8_count(json_string_value(value), json_string_length(value)) : 0;
    return n > 0 && n <= NAME_MAX_CHARACTERS;
}

bool compile_check_name(struct compiler *c, const json_t *value)
{
    if (!json_is_string(value))
        return compile_wrong_type(c, "a name", value);
    if (compile_is_name(value) && !strstr(json_string_value(value), "${"))
        return true;
    compile_error(c, "must be a name of 1 to %d characters without '${'", NAME_MAX_CHARACTERS);
    return false;
}

static bool compile_variable(struct compiler *c, const json_t *value, union argument *out)
{
    if (!compile_check_name(c, value))
        return false;
    if (strpbrk(json_string_value(value), ".[}")) {
        compile_error(c, "must be a name without '.', '[' and '}', for ${name}");
        return false;
    }
    out->text = compile_text(c, value);
    return out->text != NULL;
}

/* ---- lists and maps of texts ---- */

/* What references bring may hold null characters, behind which a C string would end. */
static const struct text *compile_c_string(struct compiler *c, const json_t *value)
{
    const struct text *text = compile_text(c, value);
    if (!text || strlen(text->bytes) == text->size)
        return text;
    compile_error(c, "has a null character");
    return NULL;
}

static const char **new_texts(struct compiler *c, size_t n, union argument *out)
{
    const char **texts = plan_allocate(c->plan, (n + 1) * sizeof *texts);
    c->out_of_memory |= !texts;
    if (texts)
        memset(texts, 0, (n + 1) * sizeof *texts);
    out->texts = texts;
    return texts;
}

static bool compile_text_list(struct compiler *c, const struct field_shape *field,
                              const json_t *value, union argument *out)
{
    if (!json_is_array(value))
        return compile_wrong_type(c, "an array of strings", value);
    if ((double)json_array_size(value) < field->min) {
        compile_error(c, "must have at least %g item%s", field->min, field->min > 1 ? "s" : "");
        return false;
    }
    const char **texts = new_texts(c, json_array_size(value), out);
    bool good = texts != NULL;
    for (size_t i = 0; texts && i < json_array_size(value); i++) {
        size_t mark = compile_enter_index(c, i);
        const struct text *text = compile_c_string(c, json_array_get(value, i));
        texts[i] = text ? text->bytes : "";
        good &= text != NULL;
        compile_leave(c, mark);
    }
    return good;
}

static const char *join_pair(struct compiler *c, const char *key, const struct text *text)
{
    size_t size = strlen(key);
    char *pair = plan_allocate(c->plan, size + text->size + 2);
    if (!pair) {
        c->out_of_memory = true;
        return "";
    }
    memcpy(pair, key, size);
    pair[size] = '=';
    memcpy(pair + size + 1, text->bytes, text->size + 1);
    return pair;
}

static bool compile_text_map(struct compiler *c, const json_t *value, union argument *out)
{
    if (!json_is_object(value))
        return compile_wrong_type(c, "an object of strings", value);
    const char **texts = new_texts(c, json_object_size(value), out);
    bool good = texts != NULL;
    const char *key;
    json_t *member;
    size_t i = 0;
    json_object_foreach((json_t *)value, key, member)
    {
        size_t mark = compile_enter(c, key);
        const struct text *text = compile_c_string(c, member);
        if (!*key || strchr(key, '=')) {
            compile_error(c, "a variable's name must not be empty or contain '='");
            good = false;
        }
        good &= text != NULL;
        if (texts && text)
            texts[i++] = join_pair(c, key, text);
        compile_leave(c, mark);
    }
    return good;
}

/* Names to match, also those that no job may raise. */
static bool compile_exceptions(struct compiler *c, const json_t *value, union argument *out)
{
    if (!json_is_array(value) || json_array_size(value) == 0)
        return compile_wrong_type(c, "an array of at least one name of an exception type", value);
    const char **texts = new_texts(c, json_array_size(value), out);
    bool good = texts != NULL;
    for (size_t i = 0; texts && i < json_array_size(value); i++) {
        size_t mark = compile_enter_index(c, i);
        const json_t *name = json_array_get(value, i);
        bool is_name = json_is_string(name) && exception_is_name(json_string_value(name));
        const struct text *text = is_name ? compile_text(c, name) : NULL;
        if (!is_name)
            compile_error(c, "must be the name of an exception type: letters, digits, '_' and '.'");
        texts[i] = text ? text->bytes : "";
        good &= text != NULL;
        compile_leave(c, mark);
    }
    return good;
}

static bool compile_time(struct compiler *c, const json_t *value, union argument *out)
{
    if (!json_is_string(value))
        return compile_wrong_type(c, "a time", value);
    if (time_parse(json_string_value(value), &out->integer))
        return true;
    compile_error(c, "must be a time such as \"2026-11-22T14:40:00Z\" (RFC 3339)");
    return false;
}

static bool compile_text_field(struct compiler *c, const struct field_shape *field,
                               const json_t *value, union argument *out)
{
    out->text = compile_text(c, value);
    if (!out->text || (double)out->text->size >= field->min)
        return out->text != NULL;
    compile_error(c, "must not be empty");
    return false;
}

bool compile_field(struct compiler *c, const struct field_shape *field, const json_t *value,
                   union argument *out)
{
    switch (field->type) {
    case FIELD_NUMBER:
        return compile_number(c, field, value, out);
    case FIELD_INTEGER:
        return compile_integer(c, field, value, out);
    case FIELD_BOOLEAN:
        return compile_boolean(c, field, value, out);
    case FIELD_TEXT:
        return compile_text_field(c, field, value, out);
    case FIELD_JSON:
        return compile_json(c, value, out);
    case FIELD_CHOICE:
        return compile_choice(c, field, value, out);
    case FIELD_TEXT_LIST:
        return compile_text_list(c, field, value, out);
    case FIELD_TEXT_MAP:
        return compile_text_map(c, value, out);
    case FIELD_BYTES:
    case FIELD_RECORD:
    case FIELD_RECORDS:
        return compile_record_field(c, field, value, out);
    case FIELD_EXCEPTION:
        return compile_exception(c, value, out);
    case FIELD_EXCEPTIONS:
        return compile_exceptions(c, value, out);
    case FIELD_TIME:
        return compile_time(c, value, out);
    case FIELD_VARIABLE:
        return compile_variable(c, value, out);
    case FIELD_TASK_NEW:
    case FIELD_TASK_REF:
    case FIELD_TIMEOUT_NEW:
    case FIELD_TIMEOUT_REF:
        return compile_task_name(c, field->type, value, out);
    case FIELD_FUTURE:
        return compile_future(c, value, out);
    case FIELD_COROUTINE:
        return compile_coroutine(c, value, out);
    case FIELD_NODE:
    case FIELD_NODES:
    case FIELD_CLAUSES:
    case FIELD_ARGUMENTS:
        break; /* the caller's */
    }
    return false;
}

bool field_check(struct plan *memory, const struct field_shape *field, const json_t *value,
                 union argument *out, struct field_error *e)
{
    struct error_list errors = {0};
    struct compiler c = {.plan = memory, .errors = &errors, .is_evaluated = true};
    buffer_text(&c.path, "");
    bool is_good = compile_field(&c, field, value, out);
    if (!is_good) {
        const struct text *text =
            errors.n ? compile_keep_text(&c, errors.items[0].detail, strlen(errors.items[0].detail))
                     : NULL;
        *e = (struct field_error){c.is_type_error, text ? text->bytes : "is not acceptable"};
    }
    buffer_release(&c.path);
    error_list_release(&errors);
    return is_good;
}
