/* Spec to plan: one walk over the JSON tree that checks everything, complains about all that is
 * wrong, and lays out nodes, arguments and frames. */
#include "schema/compile.h"

#include <stdlib.h>
#include <string.h>

#include "schema/nearest.h"

/* ---- nodes ---- */

/* The new node's index, PLAN_NONE when there can be no more. Its parent's frame ends where its own
 * begins, unless it is the root of a code. */
static uint32_t add_node(struct compiler *c, const struct op_shape *shape, uint32_t parent,
                         bool is_code_root)
{
    struct plan *plan = c->plan;
    if (plan->n_nodes - plan->root >= PLAN_NODES_MAX) {
        c->too_many = true;
        return PLAN_NONE;
    }
    if (plan->n_nodes == c->capacity) {
        uint32_t capacity = c->capacity ? c->capacity * 2 : 4;
        struct node *nodes = realloc(plan->nodes, capacity * sizeof *nodes);
        if (!nodes) {
            c->out_of_memory = true;
            return PLAN_NONE;
        }
        plan->nodes = nodes;
        c->capacity = capacity;
    }
    struct node *node = &plan->nodes[plan->n_nodes];
    *node = (struct node){.shape = shape, .parent = parent, .next = PLAN_NONE};
    if (!is_code_root)
        node->frame_offset =
            plan->nodes[parent].frame_offset + plan->nodes[parent].shape->frame_size;
    plan->has_effects |= shape->has_effects;
    return plan->n_nodes++;
}

/* Makes the frames of the code that i belongs to large enough for i's. */
static void reserve_frame(struct plan *plan, uint32_t i, uint32_t code)
{
    uint32_t end = plan->nodes[i].frame_offset + plan->nodes[i].shape->frame_size;
    if (end > plan->nodes[code].frames_size)
        plan->nodes[code].frames_size = end;
}

static bool is_child(const struct field_shape *field)
{
    return field->type == FIELD_NODE || field->type == FIELD_NODES;
}

static const struct op_shape *find_op(const struct op_table *ops, const char *name)
{
    for (size_t i = 0; i < ops->n; i++)
        if (strcmp(ops->shapes[i]->name, name) == 0)
            return ops->shapes[i];
    return NULL;
}

static const struct op_shape *read_op(struct compiler *c, const json_t *spec)
{
    const json_t *op = json_object_get(spec, "op");
    if (!op) {
        compile_error(c, "a node needs the field 'op'");
        return NULL;
    }
    const char *name = json_string_value(op);
    const struct op_shape *shape = name ? find_op(c->ops, name) : NULL;
    if (shape)
        return shape;
    size_t mark = compile_enter(c, "op");
    const char *names[64];
    size_t n = 0;
    for (; n < c->ops->n && n < 64; n++)
        names[n] = c->ops->shapes[n]->name;
    const char *like = name ? nearest(name, names, n) : NULL;
    if (like)
        compile_error(c, "there is no op '%.100s'; did you mean '%s'?", name, like);
    else
        compile_error(c, name ? "there is no op '%.100s'" : "must be the name of an op", name);
    compile_leave(c, mark);
    return NULL;
}

static const struct field_shape *find_field(const struct op_shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->n_fields; i++)
        if (strcmp(shape->fields[i].name, name) == 0)
            return &shape->fields[i];
    return NULL;
}

static void refuse_unknown(struct compiler *c, const struct op_shape *shape, const char *key)
{
    const char *names[SHAPE_FIELDS_MAX + 2] = {"op", "name"};
    size_t n = 2;
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

/* The node's label for the tree view. Only ops that do not use the field for themselves have one.
 */
static void read_label(struct compiler *c, const json_t *value, uint32_t i)
{
    if (!compile_is_name(value)) {
        compile_error(c, "must be a name of 1 to %d characters", NAME_MAX_CHARACTERS);
        return;
    }
    const struct text *text = compile_text(c, value);
    if (text && i != PLAN_NONE) {
        struct label *label = plan_allocate(c->plan, sizeof *label);
        if (label)
            *label = (struct label){c->plan->labels, i, text->bytes};
        c->out_of_memory |= !label;
        c->plan->labels = label ? label : c->plan->labels;
    }
}

static void check_fields_known(struct compiler *c, const struct op_shape *shape, const json_t *spec,
                               uint32_t i)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)spec, key, value)
    {
        if (strcmp(key, "op") == 0 || find_field(shape, key))
            continue;
        if (strcmp(key, "name") != 0) {
            refuse_unknown(c, shape, key);
            continue;
        }
        size_t mark = compile_enter(c, key);
        read_label(c, value, i);
        compile_leave(c, mark);
    }
}

/* Room for the arguments up to the last field that is given and holds no nodes. */
static union argument *new_arguments(struct compiler *c, const struct op_shape *shape,
                                     const json_t *spec)
{
    size_t n = 0;
    for (size_t f = 0; f < shape->n_fields; f++)
        if (!is_child(&shape->fields[f]) && json_object_get(spec, shape->fields[f].name))
            n = f + 1;
    union argument *arguments = n ? plan_allocate(c->plan, n * sizeof *arguments) : NULL;
    if (arguments)
        memset(arguments, 0, n * sizeof *arguments);
    c->out_of_memory |= n && !arguments;
    return arguments;
}

static uint32_t compile_node(struct compiler *c, const json_t *spec, uint32_t parent,
                             uint32_t code);

static uint32_t last_child(const struct plan *plan, uint32_t parent)
{
    uint32_t i = node_first_child(plan, parent);
    while (i != PLAN_NONE && plan->nodes[i].next != PLAN_NONE)
        i = plan->nodes[i].next;
    return i;
}

/* Compiles one child and links it behind `previous` (PLAN_NONE for the first); returns its index.
 */
static uint32_t compile_child(struct compiler *c, const json_t *spec, uint32_t parent,
                              uint32_t code, size_t field, size_t position, uint32_t previous)
{
    bool spawns = parent != PLAN_NONE && c->plan->nodes[parent].shape->fields[field].spawns;
    uint32_t i = compile_node(c, spec, parent, spawns ? PLAN_NONE : code);
    if (i == PLAN_NONE || parent == PLAN_NONE)
        return previous;
    c->plan->nodes[i].field = (uint8_t)field;
    c->plan->nodes[i].position = (uint32_t)position;
    c->plan->nodes[parent].n_children++;
    if (previous != PLAN_NONE)
        c->plan->nodes[previous].next = i;
    return i;
}

static void compile_children(struct compiler *c, const json_t *value, uint32_t parent,
                             uint32_t code, size_t f, const struct field_shape *field)
{
    uint32_t previous = parent == PLAN_NONE ? PLAN_NONE : last_child(c->plan, parent);
    if (field->type == FIELD_NODE) {
        compile_child(c, value, parent, code, f, 0, previous);
        return;
    }
    if (!json_is_array(value)) {
        compile_error(c, "must be an array of nodes");
        return;
    }
    if ((double)json_array_size(value) < field->min)
        compile_error(c, "must have at least %g node%s", field->min, field->min > 1 ? "s" : "");
    for (size_t i = 0; i < json_array_size(value) && !c->too_many; i++) {
        size_t mark = compile_enter_index(c, i);
        previous = compile_child(c, json_array_get(value, i), parent, code, f, i, previous);
        compile_leave(c, mark);
    }
}

static uint32_t compile_fields(struct compiler *c, const struct op_shape *shape, const json_t *spec,
                               uint32_t i, uint32_t code)
{
    uint32_t present = 0;
    union argument *arguments = new_arguments(c, shape, spec), refused;
    if (i != PLAN_NONE)
        c->plan->nodes[i].arguments = arguments;
    for (size_t f = 0; f < shape->n_fields; f++) {
        const struct field_shape *field = &shape->fields[f];
        const json_t *value = json_object_get(spec, field->name);
        if (!value && field->required)
            compile_error(c, "'%s' needs the field '%s'", shape->name, field->name);
        if (!value || (field->nullable && json_is_null(value)))
            continue;
        present |= 1u << f;
        size_t mark = compile_enter(c, field->name);
        if (is_child(field))
            compile_children(c, value, i, code, f, field);
        else
            compile_field(c, field, value, arguments ? &arguments[f] : &refused);
        compile_leave(c, mark);
    }
    return present;
}

static void check_one_of(struct compiler *c, const struct op_shape *shape, uint32_t present)
{
    if (!shape->one_of || __builtin_popcount(present & shape->one_of) == 1)
        return;
    struct buffer names = {0};
    for (size_t f = 0; f < shape->n_fields; f++)
        if (shape->one_of >> f & 1)
            buffer_format(&names, "%s'%s'", names.size ? " and " : "", shape->fields[f].name);
    compile_error(c, "'%s' needs exactly one of %s", shape->name, names.bytes);
    buffer_release(&names);
}

/* A node with all below it. code: the root of the code that it runs in; PLAN_NONE: its own.
 * Its index, or PLAN_NONE when it could not be made; errors below it are reported all the same. */
static uint32_t compile_node(struct compiler *c, const json_t *spec, uint32_t parent, uint32_t code)
{
    if (!json_is_object(spec)) {
        compile_error(c, "must be a node: an object with the field 'op'");
        return PLAN_NONE;
    }
    if (c->depth >= PLAN_DEPTH_MAX) {
        compile_error(c, "nodes are nested more than %d deep", PLAN_DEPTH_MAX);
        return PLAN_NONE;
    }
    const struct op_shape *shape = read_op(c, spec);
    if (!shape)
        return PLAN_NONE;
    bool is_code_root = code == PLAN_NONE || parent == PLAN_NONE;
    uint32_t i = add_node(c, shape, parent, is_code_root);
    if (i == PLAN_NONE)
        return PLAN_NONE;
    code = is_code_root ? i : code;
    reserve_frame(c->plan, i, code);
    c->depth++;
    check_fields_known(c, shape, spec, i);
    uint32_t present = compile_fields(c, shape, spec, i, code);
    check_one_of(c, shape, present);
    c->plan->nodes[i].present = present;
    c->depth--;
    return i;
}

/* ---- the whole ---- */

/* The task's own timeout: a node that is not in the spec, above its root. */
static uint32_t add_own_timeout(struct compiler *c, double timeout)
{
    const struct op_shape *shape = find_op(c->ops, "timeout");
    uint32_t i = add_node(c, shape, PLAN_NONE, true);
    union argument *arguments = plan_allocate(c->plan, sizeof *arguments);
    if (i == PLAN_NONE || !arguments) {
        c->out_of_memory = true;
        return PLAN_NONE;
    }
    arguments[0].number = timeout; /* "seconds", the op's first field */
    c->plan->nodes[i].arguments = arguments;
    c->plan->nodes[i].present = 1;
    c->plan->nodes[i].n_children = 1;
    c->plan->root = 1;
    reserve_frame(c->plan, i, i);
    return i;
}

static void resolve_names(struct compiler *c)
{
    for (struct name_use *use = c->uses; use; use = use->next) {
        const json_t *slot = json_object_get(c->slots, use->name);
        if (slot)
            use->argument->integer = json_integer_value(slot);
        else
            error_list_add(c->errors, use->pointer,
                           "no 'create_task' of this job has the name '%.100s'", use->name);
    }
}

static void keep_slots(struct compiler *c)
{
    size_t n = json_object_size(c->slots);
    const char **names = n ? plan_allocate(c->plan, n * sizeof *names) : NULL;
    c->out_of_memory |= n && !names;
    const char *name;
    json_t *slot;
    json_object_foreach(c->slots, name, slot)
    {
        size_t size = strlen(name) + 1;
        char *copy = names ? plan_allocate(c->plan, size) : NULL;
        c->out_of_memory |= !copy;
        if (copy)
            names[json_integer_value(slot)] = memcpy(copy, name, size);
    }
    c->plan->slots = names;
    c->plan->n_slots = (uint32_t)n;
}

static void compiler_release(struct compiler *c)
{
    while (c->uses) {
        struct name_use *use = c->uses;
        c->uses = use->next;
        free(use->pointer);
        free(use);
    }
    json_decref(c->slots);
    buffer_release(&c->path);
}

struct plan *plan_compile(const json_t *spec, const struct op_table *ops, double timeout,
                          const char *at, struct error_list *errors)
{
    struct compiler c = {.plan = plan_new(), .ops = ops, .errors = errors};
    size_t n_before = errors->n;
    buffer_text(&c.path, at);
    if (c.plan) {
        uint32_t own = timeout >= 0 ? add_own_timeout(&c, timeout) : PLAN_NONE;
        uint32_t root = compile_node(&c, spec, own, own);
        resolve_names(&c);
        keep_slots(&c);
        if (root != PLAN_NONE && own != PLAN_NONE)
            c.plan->nodes[root].field = 1; /* "body" */
    }
    if (c.too_many)
        error_list_add(errors, at, "a spec has at most %d nodes", PLAN_NODES_MAX);
    if (!c.plan || c.out_of_memory || c.path.failed)
        error_list_add(errors, at, "not enough memory for this spec");
    struct plan *plan = c.plan;
    compiler_release(&c);
    if (errors->n == n_before)
        return plan;
    plan_unref(plan);
    return NULL;
}
