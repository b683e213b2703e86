/* Brings what is built in. */
#include "tests/plugins/plugin.h"

static const struct awaitd_function functions[] = {
    {"sleep", "Does not sleep.", NULL, plugin_null, NULL}};
OPEN_WITH(functions)
