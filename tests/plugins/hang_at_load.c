/* Is never through with loading, nor is the process that it has started. */
#include <unistd.h>

#include "tests/plugins/plugin.h"

const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)
{
    (void)host;
    fork();
    for (;;)
        pause();
}
