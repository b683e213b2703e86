#include "tests/unit/call_fixture.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/suites.h"

static void report(struct operation *operation, double fraction, const char *message)
{
    struct call_report *kept = operation->context;
    kept->fraction = fraction;
    snprintf(kept->message, sizeof kept->message, "%s", message ? message : "");
    kept->n++;
}

struct function_call *call_new(const struct functions *functions, const char *name,
                               const char *args, struct call_report *kept)
{
    static struct call_report nowhere;
    const struct function *function = functions_find(functions, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(function);
    struct buffer given = {0};
    if (args)
        buffer_text(&given, args);
    struct function_call *call = function_call_new(function, &given, NULL);
    call->operation.report = report;
    call->operation.context = kept ? kept : &nowhere;
    return call;
}

void call_check(struct function_call *call, const char *expected)
{
    const struct answer *answer = &call->operation.answer;
    struct buffer b = {0};
    buffer_format(&b, "%s%s%s", answer->type ? answer->type : "", answer->type ? ": " : "",
                  answer->text ? answer->text : "(nothing)");
    CU_ASSERT_STRING_EQUAL(b.bytes, expected);
    if (strcmp(b.bytes, expected) != 0)
        fprintf(stderr, "\n  got      %.300s\n  expected %.300s\n", b.bytes, expected);
    buffer_release(&b);
    operation_free(&call->operation);
}

void call_give_up(struct function_call *call)
{
    atomic_store(&call->operation.is_given_up, true);
}

/* ---- folders ---- */

static char folder[64];

static void link_plugin(const char *name)
{
    char from[PATH_MAX], to[PATH_MAX], here[PATH_MAX / 2];
    const char *as = strstr(name, " as ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(here, sizeof here));
    snprintf(from, sizeof from, "%s/build/test-plugins/%.*s.so", here,
             (int)(as ? (size_t)(as - name) : strlen(name)), name);
    snprintf(to, sizeof to, as ? "%s/%s" : "%s/%s.so", folder, as ? as + 4 : name);
    CU_ASSERT_EQUAL_FATAL(access(from, R_OK), 0);
    CU_ASSERT_EQUAL_FATAL(symlink(from, to), 0);
}

const char *plugin_folder(const char *const *names)
{
    plugin_folder_remove();
    strcpy(folder, "/tmp/awaitd-plugins-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    for (; *names; names++)
        link_plugin(*names);
    return folder;
}

void plugin_folder_remove(void)
{
    struct dirent *entry;
    DIR *open = *folder ? opendir(folder) : NULL;
    while (open && (entry = readdir(open)))
        unlinkat(dirfd(open), entry->d_name, 0);
    if (open) {
        closedir(open);
        rmdir(folder);
    }
    folder[0] = '\0';
}
