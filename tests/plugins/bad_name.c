/* Its second function has a name that no job could say. */
#include "tests/plugins/plugin.h"

static const struct awaitd_function functions[] = {
    {"good-name.2", "Is fine.", NULL, plugin_null, NULL},
    {"bad name", "Has a blank.", NULL, plugin_null, NULL}};
OPEN_WITH(functions)
