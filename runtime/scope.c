#include "runtime/scope.h"

#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"

struct scope *scope_new(uint32_t node, uint32_t n, struct scope *parent)
{
    struct scope *scope = memory_new(sizeof *scope + n * sizeof *scope->values);
    *scope = (struct scope){.refs = 1, .node = node, .n = n, .parent = parent};
    for (uint32_t i = 0; i < n; i++)
        scope->values[i] = NULL;
    return scope;
}

struct scope *scope_ref(struct scope *scope)
{
    if (scope)
        scope->refs++;
    return scope;
}

void scope_unref(struct scope *scope)
{
    while (scope && --scope->refs == 0) {
        struct scope *parent = scope->parent;
        for (uint32_t i = 0; i < scope->n; i++)
            value_unref(scope->values[i]);
        free(scope);
        scope = parent;
    }
}

struct value **scope_find(struct scope *scope, uint32_t node, uint32_t variable)
{
    while (scope && scope->node != node)
        scope = scope->parent;
    BUG_ON(!scope || variable >= scope->n);
    return &scope->values[variable];
}

void scope_set(struct scope *scope, uint32_t variable, struct value *value)
{
    struct value *former = scope->values[variable];
    scope->values[variable] = value;
    value_unref(former);
}
