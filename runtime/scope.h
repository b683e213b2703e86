/* What a coroutine's references and names find: chains of variables, innermost first, shared by the
 * tasks that were created inside, as a closure's are. [loop] */
#ifndef AWAITD_RUNTIME_SCOPE_H
#define AWAITD_RUNTIME_SCOPE_H

#include <stdint.h>

#include "schema/value.h"

struct scope {
    uint32_t refs;
    uint32_t node; /* whose scope it is: a node of the plan, or SCOPE_ROOT, which has no parent */
    uint32_t n;
    struct scope *parent;   /* with a reference */
    struct value *values[]; /* with a reference each; NULL: not set yet */
};

/* Takes the reference to parent (NULL: none). */
struct scope *scope_new(uint32_t node, uint32_t n, struct scope *parent);
struct scope *scope_ref(struct scope *scope); /* NULL is fine, for these two */
void scope_unref(struct scope *scope);

/* The variable of the nearest scope of that node: where its value stands. */
struct value **scope_find(struct scope *scope, uint32_t node, uint32_t variable);
/* Takes the value. */
void scope_set(struct scope *scope, uint32_t variable, struct value *value);

#endif
