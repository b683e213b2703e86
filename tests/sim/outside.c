#include "tests/sim/outside.h"

#include "runtime/base/bug.h"

double outside_answer(struct operation *operation)
{
    switch (operation->kind) {
    case OPERATION_CALL:
        return outside_call(operation);
    case OPERATION_FETCH:
        return outside_fetch(operation);
    case OPERATION_TALK:
        return outside_talk(operation);
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

const struct services *outside_services(void)
{
    static struct services services = {.exec = {"*"}};
    services.functions = outside_functions();
    return &services;
}
