/* noop: does nothing. What one call costs is seen here. */
#include "runtime/functions/functions.h"

static void run(struct function_call *call)
{
    struct buffer null = {0};
    buffer_text(&null, "null");
    function_return_buffer(call, &null);
}

const struct function function_noop = {
    .name = "noop",
    .summary = "Does nothing, and returns null.",
    .parameters_json = "{}",
    .run = run,
};
