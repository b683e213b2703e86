#include "runtime/exec_policy.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* "/usr/bin/../../tmp/x" is not in /usr/bin. */
static bool is_straight(const char *path)
{
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        const char *part = *slash == '/' ? slash + 1 : slash;
        size_t size = strcspn(part, "/");
        if ((size == 1 && part[0] == '.') || (size == 2 && part[0] == '.' && part[1] == '.'))
            return false;
    }
    return path[0] == '/';
}

static bool has_path(const char *const *env)
{
    for (; env && *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return true;
    return false;
}

static bool matches(const char *pattern, const char *program, const char *const *env)
{
    if (strcmp(pattern, "*") == 0)
        return true;
    if (strchr(pattern, '/'))
        return is_straight(program) && fnmatch(pattern, program, FNM_PATHNAME) == 0;
    return !strchr(program, '/') && !has_path(env) && fnmatch(pattern, program, 0) == 0;
}

bool exec_policy_allows(const struct exec_policy *policy, const char *program,
                        const char *const *env, char why[400])
{
    char pattern[256];
    for (const char *at = policy->patterns; *at;) {
        size_t size = strcspn(at, ",");
        snprintf(pattern, sizeof pattern, "%.*s", (int)size, at);
        if (size && size < sizeof pattern && matches(pattern, program, env))
            return true;
        at += size + (at[size] == ',');
    }
    if (*policy->patterns)
        snprintf(why, 400,
                 "this server does not let jobs run '%.200s'%s: its --allow-exec does not name it",
                 program,
                 has_path(env) && !strchr(program, '/') ? " with a PATH of their own" : "");
    else
        snprintf(why, 400,
                 "this server does not let jobs run programs: it was started without --allow-exec");
    return false;
}
