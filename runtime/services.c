#include "runtime/services.h"

#include "runtime/ops/op.h"

static bool check(void *context, const struct node *node, struct node_complaint *complaint)
{
    const struct op *op = op_of(node);
    return !op->check || op->check(context, node, complaint);
}

struct node_check services_check(const struct services *services)
{
    return (struct node_check){check, (void *)services};
}
