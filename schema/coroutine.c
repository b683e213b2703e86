/* Definitions: which a spec needs, what their parameters are, and whether a call's arguments are
 * good for them. */
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/compile.h"
#include "schema/json.h"
#include "schema/nearest.h"

/* ---- parameters ---- */

static const struct {
    const char *name;
    unsigned types;
} types[] = {
    {"number", 1u << JSON_INTEGER | 1u << JSON_REAL},
    {"integer", 1u << JSON_INTEGER | TYPE_WHOLE},
    {"string", 1u << JSON_STRING},
    {"boolean", 1u << JSON_TRUE | 1u << JSON_FALSE},
    {"array", 1u << JSON_ARRAY},
    {"object", 1u << JSON_OBJECT},
    {"null", 1u << JSON_NULL},
};

static unsigned read_type(struct compiler *c, const json_t *value)
{
    const char *name = json_string_value(value);
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].types;
    compile_error(c, "must be 'number', 'integer', 'string', 'boolean', 'array', 'object' or "
                     "'null', or an array of these");
    return 0;
}

static void read_types(struct compiler *c, const json_t *value, struct parameter *p)
{
    if (!json_is_array(value) || json_array_size(value) == 0) {
        p->types = read_type(c, value);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        p->types |= read_type(c, json_array_get(value, i));
}

static const char *keep_json(struct compiler *c, const json_t *value)
{
    struct buffer json = {0};
    json_write(&json, value);
    const struct text *text = json.failed ? NULL : compile_keep_text(c, json.bytes, json.size);
    buffer_release(&json);
    c->out_of_memory |= !text;
    return text ? text->bytes : NULL;
}

static void read_choices(struct compiler *c, const json_t *value, struct parameter *p)
{
    size_t n = json_array_size(value);
    const char **choices = n ? plan_allocate(c->plan, (n + 1) * sizeof *choices) : NULL;
    if (n == 0)
        compile_error(c, "must be an array of at least one value");
    c->out_of_memory |= n && !choices;
    for (size_t i = 0; choices && i < n; i++)
        choices[i] = keep_json(c, json_array_get(value, i));
    if (choices)
        choices[n] = NULL;
    p->choices = choices;
}

static void read_number(struct compiler *c, const json_t *value, double least, double *out)
{
    if (json_is_number(value) && json_number_value(value) >= least)
        *out = json_number_value(value);
    else
        compile_error(c, least < 0 ? "must be a number" : "must be a number that is not negative");
}

static void read_keyword(struct compiler *c, const char *key, const json_t *value,
                         struct parameter *p)
{
    static const char *const known[] = {"type",    "default",   "enum",      "minimum",
                                        "maximum", "minLength", "maxLength", "description"};
    size_t mark = compile_enter(c, key);
    if (strcmp(key, "type") == 0)
        read_types(c, value, p);
    else if (strcmp(key, "default") == 0)
        p->initial = keep_json(c, value);
    else if (strcmp(key, "enum") == 0)
        read_choices(c, value, p);
    else if (strcmp(key, "minimum") == 0)
        read_number(c, value, -INFINITY, &p->minimum);
    else if (strcmp(key, "maximum") == 0)
        read_number(c, value, -INFINITY, &p->maximum);
    else if (strcmp(key, "minLength") == 0)
        read_number(c, value, 0, &p->min_length);
    else if (strcmp(key, "maxLength") == 0)
        read_number(c, value, 0, &p->max_length);
    else if (strcmp(key, "description") == 0)
        (void)(json_is_string(value) || compile_wrong_type(c, "a string", value));
    else {
        const char *like = nearest(key, known, sizeof known / sizeof *known);
        compile_error(c, "parameters know no keyword '%.100s'%s%s%s", key,
                      like ? "; did you mean '" : "", like ? like : "", like ? "'?" : "");
    }
    compile_leave(c, mark);
}

static void read_parameter(struct compiler *c, const char *name, const json_t *value,
                           struct parameter *p)
{
    const char *key;
    json_t *member;
    const struct text *text = compile_keep_text(c, name, strlen(name));
    *p = (struct parameter){.name = text ? text->bytes : "",
                            .minimum = -INFINITY,
                            .maximum = INFINITY,
                            .max_length = INFINITY};
    if (!json_is_object(value)) {
        compile_error(c, "must be an object, such as {\"type\": \"number\", \"default\": 1}");
        return;
    }
    json_object_foreach((json_t *)value, key, member) read_keyword(c, key, member, p);
}

/* What parameters_bind finds, told at the place where the compiler is. */
struct argument_complaints {
    struct argument_listener listener;
    struct compiler *compiler;
    const char *prefix;
};

static void complain_of_argument(struct argument_listener *listener, const struct argument_error *e)
{
    const struct argument_complaints *self = (struct argument_complaints *)listener;
    struct compiler *c = self->compiler;
    size_t mark = e->name && !*self->prefix ? compile_enter(c, e->name) : c->path.size;
    compile_error(c, "%s%s", self->prefix, e->text);
    compile_leave(c, mark);
}

/* A default must be what the parameter itself would take. */
static void check_default(struct compiler *c, const struct parameter *p, const json_t *value)
{
    struct argument_complaints complaints = {
        {complain_of_argument}, c, "the default does not fit: "};
    const struct parameters one = {1, p};
    json_t *initial = json_object_get(value, "default");
    json_t *given = initial ? json_pack("{sO}", p->name, initial) : NULL;
    if (given)
        json_decref(parameters_bind(&one, "", given, NULL, &complaints.listener));
    json_decref(given);
}

struct parameters compile_parameters(struct compiler *c, const json_t *value)
{
    const char *name;
    json_t *member;
    size_t n = json_object_size(value), i = 0;
    struct parameter *list = n ? plan_allocate(c->plan, n * sizeof *list) : NULL;
    if (value && !json_is_object(value))
        compile_wrong_type(c, "an object of parameters", value);
    c->out_of_memory |= n && !list;
    if (!list)
        return (struct parameters){0};
    json_object_foreach((json_t *)value, name, member)
    {
        size_t mark = compile_enter(c, name);
        size_t n_errors = c->errors->n;
        read_parameter(c, name, member, &list[i]);
        if (c->errors->n == n_errors)
            check_default(c, &list[i], member);
        i++;
        compile_leave(c, mark);
    }
    return (struct parameters){(uint32_t)n, list};
}

/* ---- which definitions are needed ---- */

struct coroutine *coroutine_add(struct compiler *c, const char *name, json_t *definition)
{
    struct plan *plan = c->plan;
    size_t n = plan->n_coroutines + 1;
    struct coroutine *coroutines = allocate_resize(plan->coroutines, n * sizeof *coroutines);
    if (coroutines)
        plan->coroutines = coroutines;
    struct definition *definitions = allocate_resize(c->definitions, n * sizeof *definitions);
    if (definitions)
        c->definitions = definitions;
    const struct text *kept = compile_keep_text(c, name, strlen(name));
    if (!coroutines || !definitions || !kept) {
        c->out_of_memory = true;
        return NULL;
    }
    definitions[n - 1] = (struct definition){definition, NULL};
    coroutines[n - 1] = (struct coroutine){.name = kept->bytes, .root = PLAN_NONE, .n_values = 1};
    plan->n_coroutines = (uint32_t)n;
    return &coroutines[n - 1];
}

static int64_t find_coroutine(const struct plan *plan, const char *name)
{
    for (uint32_t i = 1; i < plan->n_coroutines; i++)
        if (strcmp(plan->coroutines[i].name, name) == 0)
            return i;
    return -1;
}

/* Its parameters are read at once, since calls are held against them; its body later. */
static bool need(struct compiler *c, const char *name)
{
    json_t *definition = c->source ? c->source->find(c->source->context, name) : NULL;
    if (!definition) {
        if (c->place)
            compile_error(c, "the coroutine '%.100s', which that one needs, does not exist", name);
        else
            compile_error(c, "there is no coroutine '%.100s'", name);
        return false;
    }
    if (!c->needed)
        c->needed = json_object();
    if (json_object_set_new(c->needed, name, definition) != 0) {
        c->out_of_memory = true;
        return false;
    }
    struct coroutine *coroutine = coroutine_add(c, name, json_object_get(definition, "body"));
    if (!coroutine)
        return false;
    uint32_t i = c->plan->n_coroutines - 1;
    c->definitions[i].first_call = allocate_text(c->place ? c->place : c->path.bytes);
    c->out_of_memory |= !c->definitions[i].first_call;
    struct parameters parameters = compile_parameters(c, json_object_get(definition, "parameters"));
    c->plan->coroutines[i].parameters = parameters;
    return true;
}

bool compile_coroutine(struct compiler *c, const json_t *value, union argument *out)
{
    if (!compile_check_name(c, value))
        return false;
    const char *name = json_string_value(value);
    out->integer = find_coroutine(c->plan, name);
    if (out->integer >= 0 || c->is_loose)
        return true;
    if (c->plan->n_coroutines > PLAN_COROUTINES_MAX) {
        compile_error(c, "more than %d definitions are needed", PLAN_COROUTINES_MAX);
        return false;
    }
    if (!need(c, name))
        return false;
    out->integer = c->plan->n_coroutines - 1;
    return true;
}

/* ---- arguments ---- */

/* The members that hold references: their values are not known yet. */
static json_t *unknown_arguments(const json_t *value)
{
    const char *name;
    json_t *member, *unknown = json_object();
    json_object_foreach((json_t *)value, name, member)
    {
        if (compile_has_references(member))
            json_object_set_new(unknown, name, json_true());
    }
    return unknown;
}

static const struct field_shape as_json = {.type = FIELD_JSON};

/* With references the node binds them again when it starts, and then completely. */
bool compile_arguments(struct compiler *c, const json_t *value, int64_t coroutine, bool is_dynamic,
                       union argument *out)
{
    struct argument_complaints complaints = {{complain_of_argument}, c, ""};
    if (is_dynamic && json_is_string(value)) /* ${all} of them */
        return compile_template(c, &as_json, value, out);
    if (!json_is_object(value))
        return compile_wrong_type(c, "an object of arguments", value);
    if (is_dynamic && !compile_template(c, &as_json, value, out))
        return false;
    if (c->is_loose || coroutine < 0) /* not known, or complained about */
        return true;
    const struct coroutine *called = &c->plan->coroutines[coroutine];
    json_t *unknown = unknown_arguments(value);
    json_t *given = compile_unescape(c, value); /* defaults have no escapes */
    json_t *bound = given ? parameters_bind(&called->parameters, called->name, given, unknown,
                                            &complaints.listener)
                          : NULL;
    bool is_good = bound && (is_dynamic || compile_constant(c, bound, out));
    json_decref(bound);
    json_decref(given);
    json_decref(unknown);
    return is_good;
}

/* ---- definitions by themselves, and with the specs that need them ---- */

char *plan_pack(const json_t *spec, const json_t *needed)
{
    struct buffer text = {0};
    if (needed)
        buffer_text(&text, "{\"spec\":");
    json_write(&text, spec);
    if (needed) {
        buffer_text(&text, ",\"coroutines\":");
        json_write(&text, needed);
        buffer_char(&text, '}');
    }
    return buffer_take(&text);
}

static json_t *find_packed(void *context, const char *name)
{
    return json_incref(json_object_get(context, name));
}

struct plan *plan_compile_packed(const char *text, const struct plan_options *options,
                                 struct error_list *errors)
{
    struct error e;
    json_t *packed = json_read(text, strlen(text), &e);
    if (!packed && e.code == ERROR_NO_MEMORY)
        error_list_no_memory(errors);
    else if (!packed)
        error_list_add(errors, "", "%s", e.text);
    if (!packed)
        return NULL;
    const json_t *spec = json_object_get(packed, "spec"); /* a spec itself has "op" instead */
    struct coroutine_source source = {find_packed, json_object_get(packed, "coroutines")};
    struct plan_options given = {
        .ops = options->ops, .coroutines = &source, .timeout = options->timeout};
    struct plan *plan = plan_compile(spec ? spec : packed, &given, errors);
    json_decref(packed);
    return plan;
}
