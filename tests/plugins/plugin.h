/* What the plugins of the tests have in common. */
#ifndef AWAITD_TESTS_PLUGINS_PLUGIN_H
#define AWAITD_TESTS_PLUGINS_PLUGIN_H

#include "runtime/awaitd_plugin.h"

/* A plugin of the functions in the array of that name, and nothing else. */
#define OPEN_WITH(array)                                                                           \
    const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)                 \
    {                                                                                              \
        static const struct awaitd_plugin plugin = AWAITD_PLUGIN(array);                           \
        (void)host;                                                                                \
        return &plugin;                                                                            \
    }

/* What no test calls. */
static inline void plugin_null(struct awaitd_call *call)
{
    awaitd_return(call, "null");
}

#endif
