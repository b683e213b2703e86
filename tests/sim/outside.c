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

const struct services *outside_services(void)
{
    static struct services services = {.exec = {"*"}};
    services.functions = outside_functions();
    return &services;
}
