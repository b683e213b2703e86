/* Nobody could call it. */
#include "tests/plugins/plugin.h"

static const struct awaitd_function functions[] = {{NULL, "No name.", NULL, plugin_null, NULL}};
OPEN_WITH(functions)
