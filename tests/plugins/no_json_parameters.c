/* Its parameters are not JSON. */
#include "tests/plugins/plugin.h"

static const struct awaitd_function functions[] = {
    {"odd", "Is odd.", "n: number", plugin_null, NULL}};
OPEN_WITH(functions)
