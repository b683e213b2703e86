/* Trying something that may crash or hang, in a process of its own. [main] before any thread */
#ifndef AWAITD_RUNTIME_PLUGIN_PROBE_H
#define AWAITD_RUNTIME_PLUGIN_PROBE_H

#include <stddef.h>

#include "schema/error.h"

/* Calls attempt(context, e) in a forked process. What it returns and says in *e, when it returns
 * within patience_ms; else -PLUGIN, and `ending` says what happened instead ("crashed (SIGSEGV)"),
 * otherwise it is "". The process and what it has started are gone afterwards. */
int probe(int (*attempt)(void *context, struct error *e), void *context, int patience_ms,
          char *ending, size_t size, struct error *e);

#endif
