#include "schema/json.h"

#include <stdint.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/json_load.h"

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

/* What jansson does not check by itself, before its recursion can be made to go deep: NUL bytes (it
 * takes one for the end of the text) and nesting. Text that is no JSON at all passes; jansson says
 * what is wrong with it. */
static int text_scan(const char *text, size_t size, struct error *e)
{
    size_t depth = 0, n_containers = 0, n_commas = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        const char *wrong = NULL;
        if (c == '\0')
            wrong = "a NUL byte is not allowed";
        else if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\' && i + 1 < size && text[i + 1] != '\0';
        else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX)
                wrong = "nested deeper than " STRING(JSON_DEPTH_MAX) " arrays and objects";
            if (++n_containers > JSON_CONTAINERS_MAX)
                wrong = "more than " STRING(JSON_CONTAINERS_MAX) " arrays and objects";
        } else if (c == ']' || c == '}')
            depth -= depth > 0;
        else if (c == ',' && ++n_commas > JSON_COMMAS_MAX)
            wrong = "more than " STRING(JSON_COMMAS_MAX) " values";
        if (wrong)
            return error_set(e, ERROR_BAD_JSON, "at byte %zu: %s", i + 1, wrong);
    }
    return 0;
}

/* jansson's position is the number of bytes read, the offending token included. */
static int jansson_error(const json_error_t *why, size_t size, struct error *e)
{
    switch (json_error_code(why)) {
    case json_error_out_of_memory:
        return error_set(e, ERROR_NO_MEMORY, "out of memory while reading JSON");
    case json_error_premature_end_of_input:
        return error_set(e, ERROR_BAD_JSON,
                         size ? "at byte %d: the text ends before its JSON value does"
                              : "at byte %d: the text is empty; a JSON value is expected",
                         why->position);
    case json_error_invalid_utf8:
        return error_set(e, ERROR_BAD_JSON, "at byte %d: not UTF-8: %s", why->position + 1,
                         why->text);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return error_set(e, ERROR_BAD_JSON, "at byte %d: the character \\u0000 is not allowed",
                         why->position);
    case json_error_end_of_input_expected:
        return error_set(e, ERROR_BAD_JSON,
                         "at byte %d: one JSON value is expected, and there is more text after it",
                         why->position);
    case json_error_numeric_overflow:
        return error_set(e, ERROR_BAD_JSON,
                         "at byte %d: %s: integers must fit 64 bits, others a double",
                         why->position, why->text);
    default:
        return error_set(e, ERROR_BAD_JSON, "at byte %d: %s", why->position, why->text);
    }
}

json_t *json_read(const char *text, size_t size, struct error *e)
{
    json_error_t why;
    size_t n_failures = allocate_failures();
    if (text_scan(text, size, e) != 0)
        return NULL;
    json_t *value = json_load_text(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!value && allocate_failures() != n_failures)
        error_set(e, ERROR_NO_MEMORY, "out of memory while reading JSON");
    else if (!value)
        jansson_error(&why, size, e);
    return value;
}

static void integer_write(struct buffer *b, json_int_t number)
{
    char digits[24], *end = digits + sizeof(digits), *at = end;
    unsigned long long rest =
        number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0)
        *--at = '-';
    buffer_add(b, at, (size_t)(end - at));
}

static void array_write(struct buffer *b, const json_t *array)
{
    buffer_char(b, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            buffer_char(b, ',');
        json_write(b, json_array_get(array, i));
    }
    buffer_char(b, ']');
}

static void object_write(struct buffer *b, const json_t *object)
{
    const char *key, *separator = "";
    json_t *value;
    buffer_char(b, '{');
    /* jansson's iterators take no const, but do not write. */
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        buffer_text(b, separator);
        buffer_json_string(b, key, strlen(key));
        buffer_char(b, ':');
        json_write(b, value);
        separator = ",";
    }
    buffer_char(b, '}');
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
void json_write(struct buffer *b, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        object_write(b, value);
        break;
    case JSON_ARRAY:
        array_write(b, value);
        break;
    case JSON_STRING:
        buffer_json_string(b, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        integer_write(b, json_integer_value(value));
        break;
    case JSON_REAL:
        buffer_json_real(b, json_real_value(value));
        break;
    case JSON_TRUE:
        buffer_add(b, "true", 4);
        break;
    case JSON_FALSE:
        buffer_add(b, "false", 5);
        break;
    case JSON_NULL:
        buffer_add(b, "null", 4);
        break;
    }
}
