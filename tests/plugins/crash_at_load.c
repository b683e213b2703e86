/* Crashes before anybody has asked it for anything. */
#include <signal.h>

#include "tests/plugins/plugin.h"

__attribute__((constructor)) static void crash(void)
{
    signal(SIGSEGV, SIG_DFL); /* sanitizers have a handler of their own */
    raise(SIGSEGV);
}

static const struct awaitd_function functions[] = {{"fine", "Is fine.", NULL, plugin_null, NULL}};
OPEN_WITH(functions)
