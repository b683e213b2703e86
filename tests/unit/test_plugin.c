/* Plugins: which are loaded, which are refused and in which words, and what comes of it when their
 * functions say what none should. Those that it loads are tests/plugins. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/executor/plugin.h"
#include "tests/suites.h"
#include "tests/unit/call_fixture.h"

#define PATIENCE_MS 60000

struct loaded {
    struct functions *functions;
    struct plugins *plugins;
    struct error e;
    int status;
};

static struct loaded load(const char *const *names, int patience_ms)
{
    struct loaded l = {.functions = functions_new(NULL)};
    l.status = plugins_open(&l.plugins, plugin_folder(names), patience_ms, l.functions, &l.e);
    return l;
}

static void unload(struct loaded *l)
{
    functions_free(l->functions);
    plugins_close(l->plugins);
    plugin_folder_remove();
}

static void test_loads(void)
{
    const char *const names[] = {"misbehave", "larger", "no_entry as .hidden.so",
                                 "no_entry as readme.txt", NULL};
    struct loaded l = load(names, PLUGIN_PATIENCE_MS);
    CU_ASSERT_EQUAL_FATAL(l.status, 0);
    const struct function *function = functions_find(l.functions, "larger_2");
    CU_ASSERT_PTR_NOT_NULL_FATAL(function);
    CU_ASSERT_STRING_EQUAL(function->summary, "The second.");
    CU_ASSERT_STRING_EQUAL(function->parameters_json, "{}");
    CU_ASSERT_EQUAL(functions_find(l.functions, "same")->parameters.n, 2);
    CU_ASSERT_PTR_NOT_NULL(functions_find(l.functions, "hash"));
    unload(&l);
}

static void test_empty_folder(void)
{
    const char *const names[] = {NULL};
    struct loaded l = load(names, PLUGIN_PATIENCE_MS);
    CU_ASSERT_EQUAL(l.status, 0);
    unload(&l);
}

static void test_refusals(void)
{
    static const char *const rows[][2] = {
        {"wrong_abi", "it was built for version 999 of the interface, not 1"},
        {"wrong_sizes", "the sizes of its structures are not those of version 1"},
        {"no_entry", "it has no function awaitd_plugin_open"},
        {"opens_nothing", "awaitd_plugin_open returned nothing"},
        {"no_functions", "it has 0 functions, not 1 to 10000"},
        {"crash_at_load", "it crashed (SIGSEGV) while it was loaded"},
        {"exit_at_load", "it exited with status 0 while it was loaded"},
        {"bad_name", "the name of function 2 of 2 must be 1 to 100 letters, digits, '_', '-' and "
                     "'.', and begin with a letter or '_'"},
        {"no_name", "function 1 of 1 has no name"},
        {"no_summary",
         "the function 'mute' has no summary, or none that is UTF-8 of at most 1000 bytes"},
        {"no_run", "the function 'idle' has no run()"},
        {"duplicate", "the function 'sleep': there is a function 'sleep' already"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const names[] = {"larger", rows[i][0], NULL};
        char expected[400];
        snprintf(expected, sizeof expected, "the plugin %s.so is refused: %s", rows[i][0],
                 rows[i][1]);
        struct loaded l = load(names, PLUGIN_PATIENCE_MS);
        CU_ASSERT_EQUAL(l.status, -ERROR_PLUGIN);
        CU_ASSERT_EQUAL(l.e.code, ERROR_PLUGIN);
        CU_ASSERT_STRING_EQUAL(l.e.text, expected);
        unload(&l);
    }
}

/* What is wrong with them is for others to say, but where is for us. */
static void test_parameters(void)
{
    static const char *const rows[][2] = {
        {"bad_parameters", "the plugin bad_parameters.so is refused: the function 'odd': "},
        {"no_json_parameters", "the plugin no_json_parameters.so is refused: the function 'odd': "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const names[] = {rows[i][0], NULL};
        struct loaded l = load(names, PLUGIN_PATIENCE_MS);
        CU_ASSERT_EQUAL(l.status, -ERROR_PLUGIN);
        CU_ASSERT_EQUAL(strncmp(l.e.text, rows[i][1], strlen(rows[i][1])), 0);
        CU_ASSERT(strlen(l.e.text) > strlen(rows[i][1]));
        unload(&l);
    }
}

/* In the order of their names: the second of two is the one too many. */
static void test_order(void)
{
    const char *const names[] = {"larger as b.so", "larger as B.so", "larger as a10.so", NULL};
    struct loaded l = load(names, PLUGIN_PATIENCE_MS);
    CU_ASSERT_STRING_EQUAL(l.e.text, "the plugin a10.so is refused: the function 'larger_1': there "
                                     "is a function 'larger_1' already");
    unload(&l);
}

static void test_no_library(void)
{
    char path[200];
    const char *const names[] = {NULL};
    const char *folder = plugin_folder(names);
    struct functions *functions = functions_new(NULL);
    struct plugins *plugins = NULL;
    struct error e;
    snprintf(path, sizeof path, "%s/text.so", folder);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "not a library, but long enough to have been the header of one: %0200d", 0);
    fclose(file);
    CU_ASSERT_EQUAL(plugins_open(&plugins, folder, PLUGIN_PATIENCE_MS, functions, &e),
                    -ERROR_PLUGIN);
    CU_ASSERT_STRING_EQUAL(e.text, "the plugin text.so is refused: invalid ELF header");
    plugins_close(plugins);
    plugins = NULL;
    CU_ASSERT_EQUAL(plugins_open(&plugins, path, PLUGIN_PATIENCE_MS, functions, &e), -ERROR_PLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "text.so: Not a directory"));
    plugins_close(plugins);
    functions_free(functions);
    plugin_folder_remove();
}

/* Who hangs is ended, with what it has started: that would be ours, as we are its reaper. */
static void test_hang(void)
{
    const char *const names[] = {"hang_at_load", NULL};
    int wait_status = 0;
    pid_t pid = 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct loaded l = load(names, 300);
    CU_ASSERT_EQUAL(l.status, -ERROR_PLUGIN);
    CU_ASSERT_STRING_EQUAL(
        l.e.text,
        "the plugin hang_at_load.so is refused: it did nothing for 0.3 seconds while it was "
        "loaded");
    for (int i = 0; i < PATIENCE_MS && (pid = waitpid(-1, &wait_status, WNOHANG)) >= 0; i++)
        if (pid > 0) /* the grandchild, if the hang came so far */
            CU_ASSERT(WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL)
        else
            usleep(1000);
    CU_ASSERT_EQUAL(pid, -1);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    unload(&l);
}

/* ---- calls ---- */

static bool is_cancelled(struct function_call *call)
{
    return operation_is_given_up(&call->operation);
}

static void progress(struct function_call *call, double fraction, const char *message)
{
    operation_report(&call->operation, fraction, message);
}

static const struct function_port port = {is_cancelled, progress, NULL};

static void test_calls(void)
{
    static const char *const rows[][3] = {
        {"garbage", NULL,
         "RuntimeError: the function 'garbage' of plugin misbehave.so returned what is not JSON: "
         "at byte 14: invalid token near 'nonsense'"},
        {"nothing", NULL,
         "RuntimeError: the function 'nothing' of plugin misbehave.so returned neither a result "
         "nor an error"},
        {"null_pointer", NULL,
         "RuntimeError: the function 'null_pointer' of plugin misbehave.so returned what is not "
         "JSON: at byte 0: the text is empty; a JSON value is expected"},
        {"both", NULL,
         "RuntimeError: the function 'both' of plugin misbehave.so returned both a result and an "
         "error"},
        {"twice", NULL,
         "RuntimeError: the function 'twice' of plugin misbehave.so returned more than one result"},
        {"two_errors", NULL,
         "RuntimeError: the function 'two_errors' of plugin misbehave.so raised more than one "
         "error"},
        {"bad_text", NULL,
         "RuntimeError: the function 'bad_text' of plugin misbehave.so returned what is not JSON: "
         "at byte 2: not UTF-8: unable to decode byte 0xff near '\"'"},
        {"nul", NULL,
         "RuntimeError: the function 'nul' of plugin misbehave.so returned what is not JSON: at "
         "byte 4: a NUL byte is not allowed"},
        {"deep", NULL,
         "RuntimeError: the function 'deep' of plugin misbehave.so returned what is not JSON: at "
         "byte 201: nested deeper than 200 arrays and objects"},
        {"huge", NULL,
         "RuntimeError: the function 'huge' of plugin misbehave.so returned more than 256 MiB"},
        {"bad_type", NULL,
         "RuntimeError: the function 'bad_type' of plugin misbehave.so raised an error whose type "
         "is not the name of an exception"},
        {"exits", NULL,
         "RuntimeError: the function 'exits' of plugin misbehave.so raised an error whose type is "
         "not the name of an exception"},
        {"bad_message", NULL,
         "RuntimeError: the function 'bad_message' of plugin misbehave.so raised an error whose "
         "message is not UTF-8: ValueError"},
        {"raises", NULL, "shop.SoldOut: no »tea« left"},
        {"raises_nothing", NULL, "ValueError: "},
        {"same", "{\"text\": \"\\u00e9\\n\"}", "{\"text\":\"é\\n\",\"n\":1.5}"},
        {"same", "{\"text\": 1}", "TypeError: argument 'text' must be a string, not a number"},
        {"big", "{\"size\": 3}", "\"xxx\""},
    };
    const char *const names[] = {"misbehave", NULL};
    struct loaded l = load(names, PLUGIN_PATIENCE_MS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct function_call *call = call_new(l.functions, rows[i][0], rows[i][1], NULL);
        call->port = &port;
        function_call_run(call);
        call_check(call, rows[i][2]);
    }
    unload(&l);
}

static void test_progress(void)
{
    const char *const names[] = {"misbehave", NULL};
    struct call_report report = {0};
    struct loaded l = load(names, PLUGIN_PATIENCE_MS);
    struct function_call *call = call_new(l.functions, "reports", NULL, &report);
    call->port = &port;
    call_give_up(call);
    function_call_run(call);
    call_check(call, "\"stopped\"");
    CU_ASSERT_EQUAL(report.n, 4);
    CU_ASSERT_EQUAL(report.fraction, 0.5);
    unload(&l);
}

CU_TestInfo tests_plugin[] = {
    {"loads", test_loads},       {"an empty folder", test_empty_folder},
    {"refusals", test_refusals}, {"parameters", test_parameters},
    {"order", test_order},       {"no library", test_no_library},
    {"hang", test_hang},         {"calls", test_calls},
    {"progress", test_progress}, CU_TEST_INFO_NULL,
};
