/* Strings with references: what they name is looked up among what encloses them, and they become
 * templates. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/compile.h"
#include "schema/json.h"

/* ---- names that are visible ---- */

void lexical_add_step(struct compiler *c, struct lexical *lexical, const json_t *name,
                      uint32_t node)
{
    if (!lexical->steps)
        lexical->steps = json_object();
    if (json_object_set_new(lexical->steps, json_string_value(name), json_integer(node)) != 0)
        c->out_of_memory = true;
}

void lexical_release(struct lexical *lexical)
{
    json_decref(lexical->steps);
}

/* The first time that anybody refers to a step it gets a variable. */
static void find_step(struct plan *plan, const struct lexical *lexical, uint32_t step,
                      struct reference *out)
{
    struct node *node = &plan->nodes[step];
    if (node->variable == 0)
        node->variable = ++plan->nodes[lexical->node].n_variables;
    out->scope = lexical->node;
    out->variable = node->variable - 1;
}

static bool find_variable(struct compiler *c, const char *name, struct reference *out)
{
    for (struct lexical *l = c->lexical; l; l = l->outer) {
        const json_t *step = json_object_get(l->steps, name);
        if (step) {
            find_step(c->plan, l, (uint32_t)json_integer_value(step), out);
            return true;
        }
        if (!l->name || l->is_timeout || strcmp(l->name, name) != 0)
            continue;
        out->scope = l->node == PLAN_NONE ? SCOPE_ROOT : l->node;
        out->variable = 0;
        if (l->node != PLAN_NONE)
            c->plan->nodes[l->node].n_variables = 1;
        return true;
    }
    return false;
}

/* ---- one reference ---- */

/* What has been read of a template. */
struct writer {
    struct compiler *c;
    struct buffer literal; /* since the last part */
    struct template_part *parts;
    size_t n, capacity;
    bool is_good;
};

static bool complain(struct writer *w, const char *from, const char *why)
{
    size_t size = strcspn(from, "}");
    compile_error(w->c, "the reference '%.*s%s' %s; write '$${' for a literal '${'",
                  (int)(size > 60 ? 60 : size), from, from[size] == '}' ? "}" : "", why);
    w->is_good = false;
    return false;
}

static const char *keep_json_string(struct compiler *c, const char *key, size_t size, size_t *kept)
{
    struct buffer json = {0};
    buffer_json_string(&json, key, size);
    const struct text *text = json.failed ? NULL : compile_keep_text(c, json.bytes, json.size);
    *kept = json.size;
    c->out_of_memory |= !text;
    buffer_release(&json);
    return text ? text->bytes : "";
}

/* `.key`, `[0]`, `[-1]`, `["any key"]`: from *at, which goes behind it. */
static bool read_step(struct compiler *c, const char **at, struct reference_step *step)
{
    const char *from = *at + 1;
    *step = (struct reference_step){0};
    if (**at == '.') {
        size_t size = strcspn(from, ".[}");
        step->key = keep_json_string(c, from, size, &step->key_size);
        *at = from + size;
        return size > 0;
    }
    if (*from == '"') {
        const char *end = strchr(from + 1, '"');
        if (!end || end[1] != ']')
            return false;
        step->key = keep_json_string(c, from + 1, (size_t)(end - from - 1), &step->key_size);
        *at = end + 2;
        return true;
    }
    char *end;
    step->index = strtoll(from, &end, 10);
    *at = end + 1;
    return (isdigit((unsigned char)*from) || *from == '-') && end - from < 18 && *end == ']';
}

static bool read_steps(struct compiler *c, const char **at, struct reference *out)
{
    struct reference_step *steps = NULL, step;
    while (**at == '.' || **at == '[') {
        if (!read_step(c, at, &step))
            return false;
        if ((out->n_steps & (out->n_steps + 1)) == 0) { /* room doubles: 1, 3, 7 … */
            struct reference_step *more =
                plan_allocate(c->plan, (out->n_steps * 2 + 1) * sizeof *more);
            if (!more) {
                c->out_of_memory = true;
                return true;
            }
            if (steps)
                memcpy(more, steps, out->n_steps * sizeof *more);
            steps = more;
        }
        steps[out->n_steps++] = step;
    }
    out->steps = steps;
    return true;
}

/* The reference that begins at *at ("${"), which goes behind it. NULL when it is refused. */
static const struct reference *read_reference(struct writer *w, const char **at)
{
    struct compiler *c = w->c;
    const char *from = *at, *name = from + 2, *end = name + strcspn(name, ".[}");
    struct reference *reference = plan_allocate(c->plan, sizeof *reference);
    char *root = allocate_part(name, (size_t)(end - name));
    if (!reference || !root) {
        free(root);
        c->out_of_memory = true;
        w->is_good = false;
        return NULL;
    }
    *reference = (struct reference){0};
    bool is_found = find_variable(c, root, reference);
    free(root);
    *at = end;
    if (!read_steps(c, at, reference) || **at != '}') {
        complain(w, from, "is not complete: it looks like ${name.key[0]}");
        return NULL;
    }
    if (!is_found) {
        complain(w, from, "names nothing that is visible here");
        return NULL;
    }
    const struct text *text = compile_keep_text(c, name, (size_t)(*at - name));
    reference->text = text ? text->bytes : "";
    ++*at;
    return reference;
}

/* ---- parts ---- */

static void add_part(struct writer *w, struct template_part part)
{
    if (w->n == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 4;
        struct template_part *parts = allocate_resize(w->parts, capacity * sizeof *parts);
        if (!parts) {
            w->c->out_of_memory = true;
            return;
        }
        w->parts = parts;
        w->capacity = capacity;
    }
    w->parts[w->n++] = part;
}

static void end_literal(struct writer *w)
{
    if (w->literal.size > 0) {
        const struct text *text = compile_keep_text(w->c, w->literal.bytes, w->literal.size);
        struct template_part part = {.kind = PART_LITERAL};
        if (text) {
            part.literal.bytes = text->bytes;
            part.literal.size = text->size;
        }
        add_part(w, part);
    }
    w->c->out_of_memory |= w->literal.failed;
    buffer_release(&w->literal);
}

static void add_reference(struct writer *w, enum part_kind kind, const char **at)
{
    const struct reference *reference = read_reference(w, at);
    end_literal(w);
    if (reference)
        add_part(w, (struct template_part){.kind = kind, .reference = reference});
}

static void add_literal(struct writer *w, bool in_json, const char *bytes, size_t size)
{
    struct buffer json = {0};
    if (!in_json) {
        buffer_add(&w->literal, bytes, size);
        return;
    }
    buffer_json_string(&json, bytes, size);
    if (json.size >= 2)
        buffer_add(&w->literal, json.bytes + 1, json.size - 2);
    w->literal.failed |= json.failed;
    buffer_release(&json);
}

/* A string's text; in_json: it is to stand within quotes. */
static void add_string(struct writer *w, const char *at, bool in_json)
{
    while (*at && w->is_good) {
        size_t size = 0;
        while (at[size] && strncmp(at + size, "${", 2) != 0 && strncmp(at + size, "$${", 3) != 0)
            size++;
        add_literal(w, in_json, at, size);
        at += size;
        if (strncmp(at, "$${", 3) == 0) {
            add_literal(w, in_json, "${", 2);
            at += 3;
        } else if (*at) {
            add_reference(w, in_json ? PART_STRING : PART_TEXT, &at);
        }
    }
}

/* The string is one reference, and nothing else. */
static bool is_whole(const char *string)
{
    if (strncmp(string, "${", 2) != 0)
        return false;
    const char *quote = strstr(string, "[\""), *end = strchr(string, '}');
    if (quote && end && quote < end && (quote = strstr(quote, "\"]")))
        end = strchr(quote, '}');
    return end && end[1] == '\0';
}

static void add_json(struct writer *w, const json_t *value);

static void add_array(struct writer *w, const json_t *array)
{
    buffer_char(&w->literal, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        size_t mark = compile_enter_index(w->c, i);
        if (i)
            buffer_char(&w->literal, ',');
        add_json(w, json_array_get(array, i));
        compile_leave(w->c, mark);
    }
    buffer_char(&w->literal, ']');
}

static void add_object(struct writer *w, const json_t *object)
{
    const char *key;
    json_t *member;
    bool is_first = true;
    buffer_char(&w->literal, '{');
    json_object_foreach((json_t *)object, key, member)
    {
        size_t mark = compile_enter(w->c, key);
        if (!is_first)
            buffer_char(&w->literal, ',');
        buffer_json_string(&w->literal, key, strlen(key));
        buffer_char(&w->literal, ':');
        add_json(w, member);
        is_first = false;
        compile_leave(w->c, mark);
    }
    buffer_char(&w->literal, '}');
}

/* As deep as the reader lets a document be. */
static void add_json(struct writer *w, const json_t *value)
{
    const char *string = json_string_value(value);
    if (json_is_array(value)) {
        add_array(w, value);
    } else if (json_is_object(value)) {
        add_object(w, value);
    } else if (!string) {
        json_write(&w->literal, value);
    } else if (is_whole(string)) {
        add_reference(w, PART_VALUE, &string);
    } else {
        buffer_char(&w->literal, '"');
        add_string(w, string, true);
        buffer_char(&w->literal, '"');
    }
}

/* ---- fields ---- */

/* What can be seen of it now: fields that are no texts take one reference, or, where they are made
 * of texts, these. */
bool compile_check_form(struct compiler *c, const struct field_shape *field, const json_t *value)
{
    union argument unused;
    if (field->type == FIELD_TEXT || field->type == FIELD_JSON || field->type == FIELD_CHOICE ||
        field->type == FIELD_EXCEPTION || field->type == FIELD_TIME ||
        field->type == FIELD_ARGUMENTS || (field->type == FIELD_BYTES && json_is_string(value)))
        return true;
    if (json_is_string(value)) {
        if (!is_whole(json_string_value(value)))
            compile_error(c, "must be one reference, such as ${name}, and nothing else");
        return is_whole(json_string_value(value));
    }
    bool was_lenient = c->is_lenient;
    c->is_lenient = true;
    bool is_good = compile_field(c, field, value, &unused);
    c->is_lenient = was_lenient;
    return is_good;
}

bool compile_template(struct compiler *c, const struct field_shape *field, const json_t *value,
                      union argument *out)
{
    struct writer w = {.c = c, .is_good = true};
    if (!compile_check_form(c, field, value))
        return false;
    if (field->type == FIELD_TEXT && json_is_string(value))
        add_string(&w, json_string_value(value), false);
    else
        add_json(&w, value);
    end_literal(&w);
    struct template *template = plan_allocate(c->plan, sizeof *template);
    struct template_part *parts = plan_allocate(c->plan, w.n * sizeof *parts);
    if (template && parts) {
        *template = (struct template){(uint32_t)w.n, parts};
        if (w.n > 0) /* else it was refused */
            memcpy(parts, w.parts, w.n * sizeof *parts);
    } else {
        c->out_of_memory = true;
    }
    out->template = template;
    free(w.parts);
    return w.is_good;
}
