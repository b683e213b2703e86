/* Its parameters are JSON, but not what a definition's may be. */
#include "tests/plugins/plugin.h"

static const struct awaitd_function functions[] = {
    {"odd", "Is odd.", "{\"n\": {\"type\": \"numbre\"}}", plugin_null, NULL}};
OPEN_WITH(functions)
