/* A call of a function without an executor around it, for tests. */
#ifndef AWAITD_TESTS_UNIT_CALL_FIXTURE_H
#define AWAITD_TESTS_UNIT_CALL_FIXTURE_H

#include "runtime/executor/function.h"

/* A new call of the function of that name; args is JSON text or NULL. It keeps its latest report in
 * what its context points to. */
struct call_report {
    double fraction;
    char message[100];
    unsigned n;
};
struct function_call *call_new(const struct functions *functions, const char *name,
                               const char *args, struct call_report *report);
/* With the call's answer, "TypeError: why" or the result's JSON: is it this one? Frees the call. */
void call_check(struct function_call *call, const char *expected);
/* It is given up; whoever runs it has to be told. */
void call_give_up(struct function_call *call);

/* A folder of plugins, with links to those of build/test-plugins that are named, up to NULL. Each
 * may stand as another: "larger as b.so". The path is good until the next. */
const char *plugin_folder(const char *const *names);
void plugin_folder_remove(void);

#endif
