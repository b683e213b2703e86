/* Not bad at all: built with a header of the future, whose structures are larger. */
#include "tests/plugins/plugin.h"

struct function_to_come {
    struct awaitd_function known;
    const char *unknown;
};

static const struct function_to_come functions[] = {
    {{"larger_1", "The first.", NULL, plugin_null, NULL}, "x"},
    {{"larger_2", "The second.", NULL, plugin_null, NULL}, "y"}};

static const struct {
    struct awaitd_plugin known;
    const char *unknown;
} plugin = {{sizeof plugin, AWAITD_PLUGIN_ABI, sizeof functions[0], 2, &functions[0].known}, "z"};

const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)
{
    (void)host;
    return &plugin.known;
}
