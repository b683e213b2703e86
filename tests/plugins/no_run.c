/* Describes what is not there. */
#include "tests/plugins/plugin.h"

static const struct awaitd_function functions[] = {{"idle", "Does nothing.", NULL, NULL, NULL}};
OPEN_WITH(functions)
