/* Finds that it cannot work here. */
#include "tests/plugins/plugin.h"

const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)
{
    (void)host;
    return NULL;
}
