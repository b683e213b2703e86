/* Fields that are objects of their own, as {"until": "\n"}: their members are checked as a node's
 * fields are. And bytes: a string, or {"base64": …}, which is such an object too. */
#include <string.h>

#include "schema/base64.h"
#include "schema/compile.h"

/* ---- records ---- */

static bool compile_member(struct compiler *c, const struct field_shape *field, const json_t *value,
                           union argument *out)
{
    size_t mark = compile_enter(c, field->name);
    bool is_open = c->is_lenient && compile_has_references(value);
    bool is_good =
        is_open ? compile_check_form(c, field, value) : compile_field(c, field, value, out);
    compile_leave(c, mark);
    return is_good;
}

static bool compile_members(struct compiler *c, const struct op_shape *shape, const json_t *value,
                            struct record *record)
{
    bool is_good = true;
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        if (compile_find_field(shape, key))
            continue;
        compile_refuse_unknown(c, shape, key);
        is_good = false;
    }
    for (size_t f = 0; f < shape->n_fields; f++) {
        const struct field_shape *field = &shape->fields[f];
        if (!(member = json_object_get(value, field->name))) {
            is_good &= !field->required;
            if (field->required)
                compile_error(c, "'%s' needs the field '%s'", shape->name, field->name);
            continue;
        }
        record->present |= 1u << f;
        is_good &= compile_member(c, field, member, &record->arguments[f]);
    }
    return compile_check_one_of(c, shape, record->present) && is_good;
}

static const struct record *compile_record(struct compiler *c, const struct op_shape *shape,
                                           const json_t *value)
{
    if (!json_is_object(value)) {
        compile_wrong_type(c, "an object", value);
        return NULL;
    }
    size_t size = sizeof(struct record) + shape->n_fields * sizeof(union argument);
    struct record *record = plan_allocate(c->plan, size);
    c->out_of_memory |= !record;
    if (!record)
        return NULL;
    memset(record, 0, size);
    return compile_members(c, shape, value, record) ? record : NULL;
}

static bool compile_records(struct compiler *c, const struct field_shape *field,
                            const json_t *value, union argument *out)
{
    size_t n = json_array_size(value);
    if (!json_is_array(value))
        return compile_wrong_type(c, "an array of objects", value);
    if ((double)n < field->min) {
        compile_error(c, "must have at least %g item%s", field->min, field->min > 1 ? "s" : "");
        return false;
    }
    struct record_list *list = plan_allocate(c->plan, sizeof *list + n * sizeof *list->items);
    c->out_of_memory |= !list;
    if (!list)
        return false;
    list->n = n;
    bool is_good = true;
    for (size_t i = 0; i < n; i++) {
        size_t mark = compile_enter_index(c, i);
        list->items[i] = compile_record(c, field->inner, json_array_get(value, i));
        is_good &= list->items[i] != NULL;
        compile_leave(c, mark);
    }
    out->records = list;
    return is_good;
}

/* ---- bytes ---- */

static const struct text *decode(struct compiler *c, const struct text *digits)
{
    size_t size;
    struct text *text = plan_allocate(c->plan, sizeof *text + base64_decoded_max(digits->size) + 1);
    c->out_of_memory |= !text;
    if (!text)
        return NULL;
    char *bytes = (char *)(text + 1);
    if (!base64_decode(digits->bytes, digits->size, bytes, &size)) {
        size_t mark = compile_enter(c, "base64");
        compile_error(c, "must be base64: groups of four letters, digits, '+' and '/', with '=' "
                         "at the end");
        compile_leave(c, mark);
        return NULL;
    }
    bytes[size] = '\0';
    *text = (struct text){size, bytes};
    return text;
}

static const struct text *compile_base64(struct compiler *c, const json_t *value, bool *is_open)
{
    static const struct field_shape field = {
        .name = "base64", .type = FIELD_TEXT, .required = true};
    static const struct op_shape shape = {.name = "bytes", .fields = &field, .n_fields = 1};
    const struct record *record = compile_record(c, &shape, value);
    const struct text *digits = record ? record->arguments[0].text : NULL;
    *is_open = record && !digits; /* a reference: nobody knows yet */
    return digits ? decode(c, digits) : NULL;
}

static bool compile_bytes(struct compiler *c, const struct field_shape *field, const json_t *value,
                          union argument *out)
{
    bool is_open = false;
    if (json_is_string(value))
        out->text = compile_text(c, value);
    else if (json_is_object(value))
        out->text = compile_base64(c, value, &is_open);
    else
        return compile_wrong_type(c, "a string or {\"base64\": …}", value);
    if (!out->text || (double)out->text->size >= field->min)
        return is_open || out->text != NULL;
    compile_error(c, "must not be empty");
    return false;
}

bool compile_record_field(struct compiler *c, const struct field_shape *field, const json_t *value,
                          union argument *out)
{
    if (field->type == FIELD_BYTES)
        return compile_bytes(c, field, value, out);
    if (field->type == FIELD_RECORDS)
        return compile_records(c, field, value, out);
    out->record = compile_record(c, field->inner, value);
    return out->record != NULL;
}
