/* Which programs jobs may run. No sandbox: what an allowed program does with its arguments and its
 * environment is its own affair. Pure. [any] */
#ifndef AWAITD_RUNTIME_EXEC_POLICY_H
#define AWAITD_RUNTIME_EXEC_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct exec_policy {
    /* Shell patterns, comma-separated. "*": any program. "": none. One with a slash is held against
     * the program as it is named, which then must be an absolute path without . and .. in it; one
     * without, against a name that is looked up in the server's own PATH. */
    const char *patterns;
};

/* Whether the program, argv[0], may be run with this environment ("KEY=value" texts, NULL-
 * terminated, or NULL); if not, `why` says so. */
bool exec_policy_allows(const struct exec_policy *policy, const char *program,
                        const char *const *env, char why[400]);

#endif
