/* A call of a plugin's function: between what awaitd_plugin.h promises to strangers and what
 * function.h says among ourselves. Nothing that comes from there is believed. [worker] */
#ifndef AWAITD_RUNTIME_PLUGIN_CALL_H
#define AWAITD_RUNTIME_PLUGIN_CALL_H

#include "runtime/awaitd_plugin.h"
#include "runtime/executor/function.h"

/* The context of a struct function whose run is plugin_call_run. */
struct plugin_function {
    const char *file; /* "words.so" */
    struct awaitd_function described;
};

void plugin_call_run(struct function_call *call);

/* What a plugin is shown when it is opened. */
const struct awaitd_host *plugin_call_host(void);

#endif
