/* Says that its descriptions of functions are smaller than they can be. */
#include "tests/plugins/plugin.h"

static const struct awaitd_function functions[] = {{"small", "Is small.", NULL, plugin_null, NULL}};

const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)
{
    static const struct awaitd_plugin plugin = {sizeof plugin, AWAITD_PLUGIN_ABI, 8, 1, functions};
    (void)host;
    return &plugin;
}
