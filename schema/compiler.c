/* Spec to plan: the spec's own coroutine under the task's own timeout, then the definitions that it
 * needs. */
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/compile.h"

static size_t field_of(const struct op_shape *shape, const char *name)
{
    size_t f = 0;
    while (strcmp(shape->fields[f].name, name) != 0)
        f++;
    return f;
}

/* The task's own timeout: a node that is not in the spec, above its root. */
static uint32_t add_own_timeout(struct compiler *c, double timeout)
{
    const struct op_shape *shape = compile_find_op(c->ops, "timeout");
    uint32_t i = compile_add_node(c, shape, PLAN_NONE, true);
    union argument *arguments = plan_allocate(c->plan, shape->n_fields * sizeof *arguments);
    if (i == PLAN_NONE || !arguments) {
        c->out_of_memory = true;
        return PLAN_NONE;
    }
    size_t seconds = field_of(shape, "seconds");
    arguments[seconds].number = timeout;
    c->plan->nodes[i].arguments = arguments;
    c->plan->nodes[i].present = (uint16_t)((timeout != TIMEOUT_NEVER) << seconds);
    c->plan->nodes[i].n_children = 1;
    c->plan->root = 1;
    compile_reserve_frame(c->plan, i, i);
    return i;
}

/* The spec, or the body of a definition. */
static uint32_t compile_coroutine_body(struct compiler *c, const json_t *spec, uint32_t i,
                                       uint32_t own)
{
    struct lexical arguments = {.node = PLAN_NONE, .name = "args"};
    c->lexical = i > 0 || c->is_loose ? &arguments : NULL;
    c->n_values = 1;
    uint32_t root = compile_node(c, spec, own, own);
    compile_resolve_names(c);
    c->plan->coroutines[i].root = own == PLAN_NONE ? root : own;
    c->plan->coroutines[i].n_values = c->n_values;
    return root;
}

/* Each may need further ones. What is wrong with them is told at the call in the spec. */
static void compile_definitions(struct compiler *c)
{
    for (uint32_t i = 1; i < c->plan->n_coroutines; i++) {
        c->place = c->definitions[i].first_call;
        compile_coroutine_body(c, c->definitions[i].body, i, PLAN_NONE);
    }
    c->place = NULL;
}

static void compiler_release(struct compiler *c)
{
    for (uint32_t i = 0; c->plan && i < c->plan->n_coroutines; i++)
        free(c->definitions[i].first_call);
    free(c->definitions);
    json_decref(c->needed);
    json_decref(c->no_arguments);
    json_decref(c->futures);
    buffer_release(&c->path);
}

static void compile_all(struct compiler *c, const json_t *spec, double timeout)
{
    if (!coroutine_add(c, "", NULL))
        return;
    uint32_t own = timeout >= 0 ? add_own_timeout(c, timeout) : PLAN_NONE;
    uint32_t root = compile_coroutine_body(c, spec, 0, own);
    if (root != PLAN_NONE && own != PLAN_NONE)
        c->plan->nodes[root].field = (uint8_t)field_of(c->plan->nodes[own].shape, "body");
    compile_definitions(c);
    compile_sort_futures(c);
}

/* The plan, unless something was complained about since there were n_before errors. */
static struct plan *finish(struct compiler *c, const char *at, size_t n_before)
{
    if (c->too_many)
        error_list_add(c->errors, at, "a spec has at most %d nodes", PLAN_NODES_MAX);
    bool is_good = c->errors->n == n_before && !compile_is_out_of_memory(c);
    if (compile_is_out_of_memory(c))
        error_list_no_memory(c->errors);
    struct plan *plan = c->plan;
    compiler_release(c);
    if (is_good)
        return plan;
    plan_unref(plan);
    return NULL;
}

struct plan *plan_compile(const json_t *spec, const struct plan_options *options,
                          struct error_list *errors)
{
    const char *at = options->at ? options->at : "";
    struct compiler c = {.plan = plan_new(),
                         .ops = options->ops,
                         .source = options->coroutines,
                         .check = options->check,
                         .errors = errors,
                         .n_failures = allocate_failures()};
    size_t n_before = errors->n;
    buffer_text(&c.path, at);
    if (c.plan && !c.path.failed)
        compile_all(&c, spec, options->timeout);
    if (options->needed)
        *options->needed = json_incref(c.needed);
    return finish(&c, at, n_before);
}

bool plan_check_definition(const json_t *definition, const struct op_table *ops,
                           const struct node_check *check, struct error_list *errors)
{
    struct compiler c = {.plan = plan_new(),
                         .ops = ops,
                         .check = check,
                         .errors = errors,
                         .n_failures = allocate_failures(),
                         .is_loose = true};
    const json_t *body = json_object_get(definition, "body");
    size_t n_before = errors->n, mark;
    buffer_text(&c.path, "");
    if (!body)
        compile_error(&c, "the member 'body' is missing: the node that the coroutine runs");
    if (c.plan && !c.path.failed && coroutine_add(&c, "", NULL)) {
        mark = compile_enter(&c, "parameters");
        compile_parameters(&c, json_object_get(definition, "parameters"));
        compile_leave(&c, mark);
        mark = compile_enter(&c, "body");
        if (body)
            compile_coroutine_body(&c, body, 0, PLAN_NONE);
        compile_leave(&c, mark);
    }
    struct plan *plan = finish(&c, "", n_before);
    plan_unref(plan);
    return plan != NULL;
}

bool plan_read_parameters(struct plan *memory, const json_t *value, struct parameters *out,
                          struct error_list *errors)
{
    struct compiler c = {.plan = memory, .errors = errors, .n_failures = allocate_failures()};
    size_t n_before = errors->n;
    buffer_text(&c.path, "");
    *out = compile_parameters(&c, value);
    bool is_good = errors->n == n_before && !compile_is_out_of_memory(&c);
    if (compile_is_out_of_memory(&c))
        error_list_no_memory(errors);
    buffer_release(&c.path);
    return is_good;
}
