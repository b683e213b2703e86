/* sleep: time.sleep(seconds), which blocks its thread. */
#include "runtime/functions/functions.h"

static void run(struct function_call *call)
{
    const json_t *result = function_argument(call, "result");
    if (json_is_null(result))
        result = function_argument(call, "seconds");
    function_wait(call, function_number(call, "seconds"), function_flag(call, "cancellable"));
    function_return_json(call, json_incref((json_t *)result));
}

const struct function function_sleep = {
    .name = "sleep",
    .summary = "Blocks its thread for so many seconds, and returns them, or what it was given as "
               "the result.",
    .parameters_json =
        "{\"seconds\":{\"type\":\"number\",\"minimum\":0,\"maximum\":3155760000},"
        "\"result\":{\"default\":null,\"description\":\"any JSON value; null: the seconds\"},"
        "\"cancellable\":{\"type\":\"boolean\",\"default\":true,\"description\":\"ends early when "
        "nobody waits for it any more; false: sleeps on, as time.sleep does in Python\"}}",
    .run = run,
};
