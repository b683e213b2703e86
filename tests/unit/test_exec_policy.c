/* Which programs jobs may run. */
#include <string.h>

#include "runtime/exec_policy.h"
#include "tests/suites.h"

static bool allows(const char *patterns, const char *program)
{
    char why[400];
    return exec_policy_allows(&(struct exec_policy){patterns}, program, NULL, why);
}

static void a_star_allows_all_and_nothing_allows_none(void)
{
    CU_ASSERT_TRUE(allows("*", "git"));
    CU_ASSERT_TRUE(allows("*", "./a/../b"));
    CU_ASSERT_FALSE(allows("", "git"));
    CU_ASSERT_FALSE(allows(",", "git"));
}

static void names_are_names(void)
{
    CU_ASSERT_TRUE(allows("true,git", "git"));
    CU_ASSERT_TRUE(allows("python3*", "python3.11"));
    CU_ASSERT_FALSE(allows("git", "gitk"));
    CU_ASSERT_FALSE(allows("git", "/tmp/git"));
    CU_ASSERT_FALSE(allows("git", "./git"));
    CU_ASSERT_FALSE(allows("git*", "git/../x"));
}

static void paths_are_straight_paths(void)
{
    CU_ASSERT_TRUE(allows("/usr/bin/*", "/usr/bin/git"));
    CU_ASSERT_TRUE(allows("/bin/sh", "/bin/sh"));
    CU_ASSERT_FALSE(allows("/usr/bin/*", "/usr/bin/a/b"));
    CU_ASSERT_FALSE(allows("/usr/*/git", "/usr/../git"));
    CU_ASSERT_FALSE(allows("/usr/*/*", "/usr/./git"));
    CU_ASSERT_FALSE(allows("bin/*", "bin/git"));
    CU_ASSERT_FALSE(allows("/usr/bin/*", "git"));
}

static void a_path_of_its_own_finds_no_names(void)
{
    const char *const env[] = {"A=1", "PATH=/tmp", NULL};
    const struct exec_policy policy = {"git,/bin/ls"};
    char why[400] = "";
    CU_ASSERT_FALSE(exec_policy_allows(&policy, "git", env, why));
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "PATH"));
    CU_ASSERT_TRUE(exec_policy_allows(&policy, "/bin/ls", env, why));
    CU_ASSERT_TRUE(exec_policy_allows(&(struct exec_policy){"*"}, "git", env, why));
}

CU_TestInfo tests_exec_policy[] = {
    {"a_star_allows_all_and_nothing_allows_none", a_star_allows_all_and_nothing_allows_none},
    {"names_are_names", names_are_names},
    {"paths_are_straight_paths", paths_are_straight_paths},
    {"a_path_of_its_own_finds_no_names", a_path_of_its_own_finds_no_names},
    CU_TEST_INFO_NULL,
};
