/* Calls of functions: the real ones, but what they wait is virtual time. */
#include "runtime/base/bug.h"
#include "runtime/executor/function.h"
#include "tests/sim/outside.h"

static bool never(struct function_call *call)
{
    (void)call;
    return false;
}

static void ignore(struct function_call *call, double fraction, const char *message)
{
    (void)call, (void)fraction, (void)message;
}

static void count(struct function_call *call, double seconds, bool ends_early)
{
    (void)ends_early;
    *(double *)call->context += seconds;
}

double outside_call(struct operation *operation)
{
    static const struct function_port port = {never, ignore, count};
    struct function_call *call = (struct function_call *)operation;
    double seconds = 0;
    call->port = &port;
    call->context = &seconds;
    function_call_run(call);
    return seconds;
}

/* Made once; the program's end takes it away. */
struct functions *outside_functions(void)
{
    static struct functions *functions;
    struct error e;
    if (!functions)
        functions = functions_new(&e);
    BUG_ON(!functions);
    return functions;
}
