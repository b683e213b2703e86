#include "schema/parameter.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/json.h"
#include "schema/json_load.h"
#include "schema/utf8.h"

/* One call's arguments on their way. */
struct binding {
    struct argument_listener *listener;
    size_t n_faults;
};

static void refuse(struct binding *b, bool is_type, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void refuse(struct binding *b, bool is_type, const char *name, const char *format, ...)
{
    struct argument_error e = {.is_type = is_type, .name = name};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(e.text, sizeof e.text, format, arguments);
    va_end(arguments);
    b->n_faults++;
    b->listener->hear(b->listener, &e);
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

static bool has_type(const struct parameter *p, const json_t *value)
{
    return !p->types || p->types >> json_typeof(value) & 1 ||
           (p->types & TYPE_WHOLE && is_whole(value));
}

/* As JSON Schema has it: 1.0 is 1. */
static bool is_equal(const json_t *one, const json_t *other)
{
    const char *key;
    json_t *member;
    if (json_is_number(one) && json_is_number(other))
        return json_number_value(one) == json_number_value(other);
    if (json_is_array(one) && json_array_size(one) == json_array_size(other)) {
        for (size_t i = 0; i < json_array_size(one); i++)
            if (!is_equal(json_array_get(one, i), json_array_get(other, i)))
                return false;
        return json_is_array(other);
    }
    if (json_is_object(one) && json_object_size(one) == json_object_size(other)) {
        json_object_foreach((json_t *)one, key, member)
        {
            const json_t *same = json_object_get(other, key);
            if (!same || !is_equal(member, same))
                return false;
        }
        return json_is_object(other);
    }
    return json_equal(one, other);
}

static json_t *parse(const char *text)
{
    return json_load_text(text, strlen(text), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static bool is_choice(const struct parameter *p, const json_t *value)
{
    bool is_known = !p->choices;
    for (size_t i = 0; !is_known && p->choices[i]; i++) {
        json_t *choice = parse(p->choices[i]);
        is_known = is_equal(choice, value);
        json_decref(choice);
    }
    return is_known;
}

static void refuse_choice(struct binding *b, const struct parameter *p)
{
    struct buffer known = {0};
    for (size_t i = 0; p->choices[i]; i++)
        buffer_format(&known, "%s%s", i ? ", " : "", p->choices[i]);
    refuse(b, false, p->name, "argument '%.100s' must be one of %.150s", p->name,
           known.bytes ? known.bytes : "");
    buffer_release(&known);
}

static void check_range(struct binding *b, const struct parameter *p, const json_t *value)
{
    double number = json_number_value(value);
    if (json_is_number(value) && number < p->minimum)
        refuse(b, false, p->name, "argument '%.100s' must be at least %.15g", p->name, p->minimum);
    if (json_is_number(value) && number > p->maximum)
        refuse(b, false, p->name, "argument '%.100s' must be at most %.15g", p->name, p->maximum);
    if (!json_is_string(value))
        return;
    double n = (double)utf8_count(json_string_value(value), json_string_length(value));
    if (n < p->min_length || n > p->max_length)
        refuse(b, false, p->name, "argument '%.100s' must have %s %.15g characters", p->name,
               n < p->min_length ? "at least" : "at most",
               n < p->min_length ? p->min_length : p->max_length);
}

static void check_value(struct binding *b, const struct parameter *p, const json_t *value)
{
    char types[120];
    if (!has_type(p, value)) {
        write_types(p->types, types, sizeof types);
        refuse(b, true, p->name, "argument '%.100s' must be %s, not %s", p->name, types,
               type_name(value));
    } else if (!is_choice(p, value)) {
        refuse_choice(b, p);
    } else {
        check_range(b, p, value);
    }
}

/* ---- all of them ---- */

static void check_given(struct binding *b, const struct parameters *parameters,
                        const char *coroutine, const json_t *given, const json_t *unknown)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)given, name, value)
    {
        const struct parameter *p = find(parameters, name);
        if (!p)
            refuse(b, true, name, "%s() got an unexpected keyword argument '%.100s'", coroutine,
                   name);
        else if (!json_object_get(unknown, name))
            check_value(b, p, value);
    }
}

json_t *parameters_bind(const struct parameters *parameters, const char *coroutine,
                        const json_t *given, const json_t *unknown,
                        struct argument_listener *listener)
{
    struct binding b = {.listener = listener};
    size_t n_failures = allocate_failures();
    json_t *bound = json_copy((json_t *)given);
    check_given(&b, parameters, coroutine, given, unknown);
    for (uint32_t i = 0; i < parameters->n; i++) {
        const struct parameter *p = &parameters->list[i];
        if (json_object_get(given, p->name))
            continue;
        if (p->initial)
            json_object_set_new(bound, p->name, parse(p->initial));
        else
            refuse(&b, true, NULL, "%s() missing a required argument: '%.100s'", coroutine,
                   p->name);
    }
    if (b.n_faults == 0 && allocate_failures() == n_failures)
        return bound;
    json_decref(bound);
    return NULL;
}

struct first_error {
    struct argument_listener listener;
    struct argument_error *error;
    bool is_set;
};

static void keep_first(struct argument_listener *listener, const struct argument_error *e)
{
    struct first_error *self = (struct first_error *)listener;
    if (!self->is_set)
        *self->error = *e;
    self->is_set = true;
}

json_t *parameters_bind_or_fail(const struct parameters *parameters, const char *coroutine,
                                const json_t *given, struct argument_error *e)
{
    struct first_error first = {{keep_first}, e, false};
    *e = (struct argument_error){.text = "not enough memory"};
    return parameters_bind(parameters, coroutine, given, NULL, &first.listener);
}
