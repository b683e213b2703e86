/* Plugins: shared objects in a folder, each of which brings functions (awaitd_plugin.h is what they
 * know of us). A library that crashes, hangs or is none must not take the server with it, so each
 * is first loaded by a process of its own that may die of it. [main] */
#ifndef AWAITD_RUNTIME_PLUGIN_H
#define AWAITD_RUNTIME_PLUGIN_H

#include "runtime/executor/function.h"
#include "schema/error.h"

/* How long a plugin may take to be loaded. */
#define PLUGIN_PATIENCE_MS 10000

struct plugins;

/* Loads every *.so of the folder, in the order of their names, and adds what they bring to the
 * functions, which then borrow from *out. patience_ms: for each to be tried in a process of its
 * own, which is forked: before any thread exists. 0: they are known to be good.
 * 0; or -PLUGIN, and *e says in one line which file is bad and why; -SYSTEM. Libraries stay loaded
 * for as long as the process lives. */
int plugins_open(struct plugins **out, const char *folder, int patience_ms,
                 struct functions *functions, struct error *e);
/* After functions_free. NULL is fine. */
void plugins_close(struct plugins *plugins);

#endif
