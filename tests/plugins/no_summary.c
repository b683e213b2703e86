/* What it says about its function is not UTF-8. */
#include "tests/plugins/plugin.h"

static const struct awaitd_function functions[] = {
    {"mute", "Says \xff\xfe.", NULL, plugin_null, NULL}};
OPEN_WITH(functions)
