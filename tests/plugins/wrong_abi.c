/* Built for an interface that is none yet. */
#include "tests/plugins/plugin.h"

const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)
{
    static const struct awaitd_plugin plugin = {.size = 1000, .abi = 999};
    (void)host;
    return &plugin;
}
