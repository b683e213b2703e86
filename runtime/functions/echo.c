/* echo: gives back what it was given. */
#include "runtime/functions/functions.h"

static void run(struct function_call *call)
{
    function_return_json(call, json_incref((json_t *)function_argument(call, "value")));
}

const struct function function_echo = {
    .name = "echo",
    .summary = "Returns its argument as it is.",
    .parameters_json = "{\"value\":{\"default\":null,\"description\":\"any JSON value\"}}",
    .run = run,
};
