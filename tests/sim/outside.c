#include "tests/sim/outside.h"

#include "runtime/base/bug.h"

double outside_answer(struct operation *operation)
{
    switch (operation->kind) {
    case OPERATION_CALL:
    case OPERATION_FETCH:
        return outside_fetch(operation);
    case OPERATION_TALK:
        break;
    }
    BUG_ON(true);
    return 0;
}

void outside_print(struct process *process)
{
    if (process->out.size > 0)
        process->printed(process, false, process->out.bytes, process->out.size);
    if (process->err.size > 0)
        process->printed(process, true, process->err.bytes, process->err.size);
}

static const struct services services = {.exec = {"*"}};

const struct services *outside_services(void)
{
    return &services;
}
