/* Nodes: one walk over the JSON tree that checks everything, complains about all that is wrong, and
 * lays out nodes, arguments and frames. */
#include "schema/compile.h"

#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/nearest.h"

/* ---- nodes ---- */

uint32_t compile_add_node(struct compiler *c, const struct op_shape *shape, uint32_t parent,
                          bool is_code_root)
{
    struct plan *plan = c->plan;
    if (plan->n_nodes - plan->root >= PLAN_NODES_MAX) {
        c->too_many = true;
        return PLAN_NONE;
    }
    if (plan->n_nodes == c->capacity) {
        uint32_t capacity = c->capacity ? c->capacity * 2 : 4;
        struct node *nodes = allocate_resize(plan->nodes, capacity * sizeof *nodes);
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
            plan->nodes[parent].frame_offset + node_frame_size(&plan->nodes[parent]);
    plan->has_effects |= shape->has_effects;
    return plan->n_nodes++;
}

void compile_reserve_frame(struct plan *plan, uint32_t i, uint32_t code)
{
    uint32_t end = plan->nodes[i].frame_offset + node_frame_size(&plan->nodes[i]);
    if (end > plan->nodes[code].frames_size)
        plan->nodes[code].frames_size = end;
}

static bool is_child(const struct field_shape *field)
{
    return field->type == FIELD_NODE || field->type == FIELD_NODES || field->type == FIELD_CLAUSES;
}

/* Its references are to the node's own children. */
static bool comes_after_children(const struct field_shape *field)
{
    return is_child(field) || field->late;
}

const struct op_shape *compile_find_op(const struct op_table *ops, const char *name)
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
    const struct op_shape *shape = name ? compile_find_op(c->ops, name) : NULL;
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

/* The node's label for the tree view: its "name", whatever else that is for. */
static void read_label(struct compiler *c, const json_t *value, uint32_t i)
{
    const struct text *text = compile_check_name(c, value) ? compile_text(c, value) : NULL;
    if (text && i != PLAN_NONE) {
        struct label *label = plan_allocate(c->plan, sizeof *label);
        if (label)
            *label = (struct label){c->plan->labels, i, text->bytes};
        c->out_of_memory |= !label;
        c->plan->labels = label ? label : c->plan->labels;
    }
}

static void check_fields_known(struct compiler *c, const struct op_shape *shape, const json_t *spec,
                               uint32_t i, bool is_clause)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)spec, key, value)
    {
        bool is_field = compile_find_field(shape, key) != NULL;
        if ((is_field || strcmp(key, "op") == 0) && (!is_clause || is_field)) {
            if (is_field && strcmp(key, "name") == 0 && compile_is_name(value) &&
                !compile_is_reference(json_string_value(value))) /* else the field complains */
                read_label(c, value, i);
            continue;
        }
        bool is_on_crash = shape->has_effects && strcmp(key, FIELD_ON_CRASH) == 0;
        if (is_clause || (strcmp(key, "name") != 0 && !is_on_crash)) {
            compile_refuse_unknown(c, shape, key);
            continue;
        }
        size_t mark = compile_enter(c, key);
        if (is_on_crash)
            c->plan->nodes[i].fails_on_crash = compile_on_crash(c, value);
        else
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
        if (shape->fields[f].type == FIELD_ARGUMENTS ||
            (!is_child(&shape->fields[f]) && json_object_get(spec, shape->fields[f].name)))
            n = f + 1;
    union argument *arguments = n ? plan_allocate(c->plan, n * sizeof *arguments) : NULL;
    if (arguments)
        memset(arguments, 0, n * sizeof *arguments);
    c->out_of_memory |= n && !arguments;
    return arguments;
}

/* Asks who knows what can be run here. */
static void check_node(struct compiler *c, uint32_t i)
{
    struct node_complaint complaint = {.field = -1, .coroutines = c->source};
    const struct node *node = &c->plan->nodes[i];
    if (!c->check || compile_is_out_of_memory(c) ||
        c->check->check(c->check->context, node, &complaint))
        return;
    size_t mark = c->path.size;
    if (complaint.field >= 0)
        mark = compile_enter(c, node->shape->fields[complaint.field].name);
    compile_error(c, "%s", complaint.text);
    compile_leave(c, mark);
}

static uint32_t compile_shape(struct compiler *c, const struct op_shape *shape, const json_t *spec,
                              uint32_t parent, uint32_t code, bool is_clause);

static uint32_t last_child(const struct plan *plan, uint32_t parent)
{
    uint32_t i = node_first_child(plan, parent);
    while (i != PLAN_NONE && plan->nodes[i].next != PLAN_NONE)
        i = plan->nodes[i].next;
    return i;
}

/* A node that is not in the spec, around a child of map: it holds what the item is called. */
static uint32_t compile_inside(struct compiler *c, const struct op_shape *inner, const json_t *spec,
                               uint32_t parent, const struct lexical *variable)
{
    uint32_t i = compile_add_node(c, inner, parent, true);
    if (i == PLAN_NONE)
        return PLAN_NONE;
    compile_reserve_frame(c->plan, i, i);
    struct lexical lexical = {.outer = c->lexical, .node = i, .name = variable->name};
    c->lexical = &lexical;
    uint32_t child = compile_node(c, spec, i, i);
    c->lexical = lexical.outer;
    c->plan->nodes[i].n_children = child != PLAN_NONE;
    return i;
}

/* Compiles one child and links it behind `previous` (PLAN_NONE for the first); returns its index.
 */
static uint32_t compile_child(struct compiler *c, const json_t *spec, uint32_t parent,
                              uint32_t code, size_t f, size_t position, uint32_t previous,
                              struct lexical *lexical)
{
    const struct field_shape *field =
        parent == PLAN_NONE ? NULL : &c->plan->nodes[parent].shape->fields[f];
    uint32_t own = field && field->spawns ? PLAN_NONE : code, i;
    if (field && field->type == FIELD_CLAUSES)
        i = compile_shape(c, field->inner, spec, parent, own, true);
    else if (field && field->inner)
        i = compile_inside(c, field->inner, spec, parent, lexical);
    else
        i = compile_node(c, spec, parent, own);
    if (i == PLAN_NONE || parent == PLAN_NONE)
        return previous;
    c->plan->nodes[i].field = (uint8_t)f;
    c->plan->nodes[i].position = (uint32_t)position;
    c->plan->nodes[parent].n_children++;
    if (previous != PLAN_NONE)
        c->plan->nodes[previous].next = i;
    const json_t *name = json_object_get(spec, "name");
    if (lexical && c->plan->nodes[parent].shape->scope == SCOPE_STEPS && json_is_string(name))
        lexical_add_step(c, lexical, name, i);
    return i;
}

static void compile_children(struct compiler *c, const json_t *value, uint32_t parent,
                             uint32_t code, size_t f, const struct field_shape *field,
                             struct lexical *lexical)
{
    uint32_t previous = parent == PLAN_NONE ? PLAN_NONE : last_child(c->plan, parent);
    if (field->type == FIELD_NODE) {
        compile_child(c, value, parent, code, f, 0, previous, lexical);
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
        previous =
            compile_child(c, json_array_get(value, i), parent, code, f, i, previous, lexical);
        compile_leave(c, mark);
    }
}

/* A node on its way through its fields. */
struct fields {
    const struct op_shape *shape;
    const json_t *spec;
    uint32_t node, code; /* PLAN_NONE: there is no room for more nodes */
    union argument *arguments;
    uint32_t given, present, dynamic, late;
};

static void compile_plain(struct compiler *c, struct fields *n, size_t f, const json_t *value)
{
    const struct field_shape *field = &n->shape->fields[f];
    union argument refused, *out = n->arguments ? &n->arguments[f] : &refused;
    bool is_dynamic = field->type != FIELD_ARGUMENTS && field->type >= FIELD_FIRST_WORD
                          ? false
                          : compile_has_references(value);
    if (field->type == FIELD_ARGUMENTS)
        compile_arguments(c, value, n->arguments ? n->arguments[0].integer : -1, is_dynamic, out);
    else if (is_dynamic)
        compile_template(c, field, value, out);
    else
        compile_field(c, field, value, out);
    n->dynamic |= (uint32_t)(is_dynamic && !field->late) << f;
    n->late |= (uint32_t)(is_dynamic && field->late) << f;
}

static const json_t *no_arguments(struct compiler *c)
{
    if (!c->no_arguments)
        c->no_arguments = json_object();
    return c->no_arguments;
}

/* Those with children and what refers to them come last: the frame's size must be known before. */
static void compile_fields(struct compiler *c, struct fields *n, bool after,
                           struct lexical *lexical)
{
    for (size_t f = 0; f < n->shape->n_fields; f++) {
        const struct field_shape *field = &n->shape->fields[f];
        const json_t *value = json_object_get(n->spec, field->name);
        if (!value && field->type == FIELD_ARGUMENTS)
            value = no_arguments(c);
        if (comes_after_children(field) != after)
            continue;
        if (!value && field->required)
            compile_error(c, "'%s' needs the field '%s'", n->shape->name, field->name);
        n->given |= (uint32_t)(value != NULL) << f;
        if (!value || (field->nullable && json_is_null(value)))
            continue;
        n->present |= 1u << f;
        size_t mark = compile_enter(c, field->name);
        if (is_child(field))
            compile_children(c, value, n->node, n->code, f, field, lexical);
        else
            compile_plain(c, n, f, value);
        compile_leave(c, mark);
    }
}

/* What the children of this node see; the name of a SCOPE_VALUE is the node's own or the op's. */
static struct lexical open_scope(struct compiler *c, const struct fields *n)
{
    struct lexical lexical = {.outer = c->lexical, .node = n->node};
    for (size_t f = 0; f < n->shape->n_fields && n->arguments; f++) {
        enum field_type type = n->shape->fields[f].type;
        if (!(n->present >> f & 1))
            continue;
        if (type == FIELD_VARIABLE && n->arguments[f].text)
            lexical.name = n->arguments[f].text->bytes;
        if (type == FIELD_TIMEOUT_NEW && n->arguments[f].slot) {
            lexical.name = n->arguments[f].slot->name;
            lexical.is_timeout = true;
        }
    }
    if (!lexical.name)
        lexical.name = n->shape->variable;
    return lexical;
}

static void compile_all_fields(struct compiler *c, struct fields *n)
{
    compile_fields(c, n, false, NULL);
    if (n->node == PLAN_NONE) {
        compile_fields(c, n, true, NULL);
        return;
    }
    struct node *node = &c->plan->nodes[n->node];
    node->arguments = n->arguments;
    node->dynamic = (uint16_t)n->dynamic;
    compile_reserve_frame(c->plan, n->node, n->code);
    struct lexical lexical = open_scope(c, n);
    if (n->shape->scope != SCOPE_GIVEN) /* map's own: compile_inside opens it */
        c->lexical = &lexical;
    compile_fields(c, n, true, &lexical);
    c->lexical = lexical.outer;
    lexical_release(&lexical);
    c->plan->nodes[n->node].present = (uint16_t)n->present;
    c->plan->nodes[n->node].late = (uint16_t)(n->late);
}

static uint32_t compile_shape(struct compiler *c, const struct op_shape *shape, const json_t *spec,
                              uint32_t parent, uint32_t code, bool is_clause)
{
    if (!json_is_object(spec)) {
        compile_error(c, is_clause ? "must be an object"
                                   : "must be a node: an object with the "
                                     "field 'op'");
        return PLAN_NONE;
    }
    if (c->depth >= PLAN_DEPTH_MAX) {
        compile_error(c, "nodes are nested more than %d deep", PLAN_DEPTH_MAX);
        return PLAN_NONE;
    }
    if (!is_clause && !(shape = read_op(c, spec)))
        return PLAN_NONE;
    bool is_code_root = code == PLAN_NONE || parent == PLAN_NONE;
    uint32_t i = compile_add_node(c, shape, parent, is_code_root);
    struct fields fields = {.shape = shape,
                            .spec = spec,
                            .node = i,
                            .code = is_code_root ? i : code,
                            .arguments = new_arguments(c, shape, spec)};
    if (i == PLAN_NONE)
        return PLAN_NONE;
    size_t n_before = c->errors->n;
    c->depth++;
    check_fields_known(c, shape, spec, i, is_clause);
    compile_all_fields(c, &fields);
    compile_check_one_of(c, shape, fields.given);
    if (c->errors->n == n_before && !is_clause)
        check_node(c, i);
    c->depth--;
    return i;
}

uint32_t compile_node(struct compiler *c, const json_t *spec, uint32_t parent, uint32_t code)
{
    return compile_shape(c, NULL, spec, parent, code, false);
}
