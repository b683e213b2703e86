#include "schema/parameter.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/json.h"
#include "schema/utf8.h"

static bool refuse(struct argument_error *e, bool is_type, const char *name, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

static bool refuse(struct argument_error *e, bool is_type, const char *name, const char *format,
                   ...)
{
    va_list arguments;
    e->is_type = is_type;
    e->name = name;
    va_start(arguments, format);
    vsnprintf(e->text, sizeof e->text, format, arguments);
    va_end(arguments);
    return false;
}

static const struct parameter *find(const struct parameters *parameters, const char *name)
{
    for (uint32_t i = 0; i < parameters->n; i++)
        if (strcmp(parameters->list[i].name, name) == 0)
            return &parameters->list[i];
    return NULL;
}

/* ---- one value ---- */

static bool is_whole(const json_t *value)
{
    double number = json_number_value(value);
    return json_is_real(value) && number == floor(number);
}

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "a boolean",
        [JSON_FALSE] = "a boolean",  [JSON_NULL] = "null"};
    return names[json_typeof(value)];
}

/* "a number or null" */
static void write_types(unsigned types, char *text, size_t size)
{
    static const struct {
        unsigned types;
        const char *name;
    } words[] = {{1u << JSON_REAL | 1u << JSON_INTEGER, "a number"},
                 {1u << JSON_INTEGER | TYPE_WHOLE, "an integer"},
                 {1u << JSON_STRING, "a string"},
                 {1u << JSON_TRUE | 1u << JSON_FALSE, "true or false"},
                 {1u << JSON_ARRAY, "an array"},
                 {1u << JSON_OBJECT, "an object"},
                 {1u << JSON_NULL, "null"}};
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((types & words[i].types) == words[i].types && used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " or " : "",
                                     words[i].name);
            types &= ~words[i].types;
        }
}

static bool check_type(const struct parameter *p, const json_t *value, struct argument_error *e)
{
    char types[120];
    if (!p->types || p->types >> json_typeof(value) & 1)
        return true;
    if (p->types & TYPE_WHOLE && is_whole(value))
        return true;
    write_types(p->types, types, sizeof types);
    return refuse(e, true, p->name, "argument '%.100s' must be %s, not %s", p->name, types,
                  type_name(value));
}

static bool check_choice(const struct parameter *p, const json_t *value, struct argument_error *e)
{
    struct buffer text = {0}, known = {0};
    bool is_known = !p->choices;
    if (p->choices)
        json_write(&text, value);
    for (size_t i = 0; p->choices && p->choices[i] && !is_known; i++) {
        is_known = text.bytes && strcmp(p->choices[i], text.bytes) == 0;
        buffer_format(&known, "%s%s", i ? ", " : "", p->choices[i]);
    }
    if (!is_known)
        refuse(e, false, p->name, "argument '%.100s' must be one of %.150s", p->name,
               known.bytes ? known.bytes : "");
    buffer_release(&text);
    buffer_release(&known);
    return is_known;
}

static bool check_range(const struct parameter *p, const json_t *value, struct argument_error *e)
{
    if (json_is_number(value)) {
        double number = json_number_value(value);
        if (number < p->minimum)
            return refuse(e, false, p->name, "argument '%.100s' must be at least %.15g", p->name,
                          p->minimum);
        if (number > p->maximum)
            return refuse(e, false, p->name, "argument '%.100s' must be at most %.15g", p->name,
                          p->maximum);
    }
    if (json_is_string(value)) {
        size_t n = utf8_count(json_string_value(value), json_string_length(value));
        if ((double)n < p->min_length || (double)n > p->max_length)
            return refuse(e, false, p->name, "argument '%.100s' must have %s %.15g characters",
                          p->name, (double)n < p->min_length ? "at least" : "at most",
                          (double)n < p->min_length ? p->min_length : p->max_length);
    }
    return true;
}

/* ---- all of them ---- */

static bool check_given(const struct parameters *parameters, const char *coroutine,
                        const json_t *given, const json_t *unknown, struct argument_error *e)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)given, name, value)
    {
        const struct parameter *p = find(parameters, name);
        if (!p)
            return refuse(e, true, name, "%s() got an unexpected keyword argument '%.100s'",
                          coroutine, name);
        if (json_object_get(unknown, name))
            continue;
        if (!check_type(p, value, e) || !check_choice(p, value, e) || !check_range(p, value, e))
            return false;
    }
    return true;
}

json_t *parameters_bind(const struct parameters *parameters, const char *coroutine,
                        const json_t *given, const json_t *unknown, struct argument_error *e)
{
    if (!check_given(parameters, coroutine, given, unknown, e))
        return NULL;
    json_t *bound = json_copy((json_t *)given);
    for (uint32_t i = 0; i < parameters->n; i++) {
        const struct parameter *p = &parameters->list[i];
        if (json_object_get(given, p->name))
            continue;
        if (!p->initial) {
            refuse(e, true, NULL, "%s() missing a required argument: '%.100s'", coroutine, p->name);
            json_decref(bound);
            return NULL;
        }
        json_object_set_new(bound, p->name,
                            json_loads(p->initial, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    }
    return bound;
}
