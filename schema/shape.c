/* What a shape says of the members of an object: which there may be, and which there must be. */
#include <string.h>

#include "schema/compile.h"
#include "schema/nearest.h"

const struct field_shape *compile_find_field(const struct op_shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (strcmp(shape->fields[i].name, name) == 0)
            return &shape->fields[i];
    return NULL;
}

/* It holds no references: what is to come of a crash must be known before the node runs. */
bool compile_on_crash(struct compiler *c, const json_t *value)
{
    static const char *const choices[] = {"rerun", "fail", NULL};
    static const struct field_shape field = {
        .name = FIELD_ON_CRASH, .type = FIELD_CHOICE, .choices = choices};
    union argument out;
    return compile_field(c, &field, value, &out) && out.integer == 1;
}

void compile_refuse_unknown(struct compiler *c, const struct op_shape *shape, const char *key)
{
    const char *names[SHAPE_FIELDS_MAX + 3] = {"op", "name"};
    size_t n = 2;
    if (shape->has_effects)
        names[n++] = FIELD_ON_CRASH;
    for (size_t i = 0; i < shape->n_fields; i++)
        names[n++] = shape->fields[i].name;
    const char *like = nearest(key, names, n);
    size_t mark = compile_enter(c, key);
    if (like)
        compile_error(c, "'%s' has no field '%.100s'; did you mean '%s'?", shape->name, key, like);
    else
        compile_error(c, "'%s' has no field '%.100s'", shape->name, key);
    compile_leave(c, mark);
}

bool compile_check_one_of(struct compiler *c, const struct op_shape *shape, uint32_t given)
{
    if (!shape->one_of || __builtin_popcount(given & shape->one_of) == 1)
        return true;
    struct buffer names = {0};
    for (size_t f = 0; f < shape->n_fields; f++)
        if (shape->one_of >> f & 1)
            buffer_format(&names, "%s'%s'", names.size ? " and " : "", shape->fields[f].name);
    compile_error(c, "'%s' needs exactly one of %s", shape->name, names.bytes);
    buffer_release(&names);
    return false;
}
