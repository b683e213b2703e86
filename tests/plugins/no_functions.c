/* A plugin of nothing. */
#include "tests/plugins/plugin.h"

const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)
{
    static const struct awaitd_plugin plugin = {.size = sizeof plugin,
                                                .abi = AWAITD_PLUGIN_ABI,
                                                .function_size = sizeof(struct awaitd_function)};
    (void)host;
    return &plugin;
}
