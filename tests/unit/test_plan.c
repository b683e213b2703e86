/* Specs to plans: what is refused, where, and with which words; how nodes and frames are laid out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime.h"
#include "schema/json.h"
#include "schema/plan.h"
#include "tests/suites.h"

extern CU_TestInfo tests_plan[];

/* "pointer: detail" of every error, one a line; "" for a good spec. The caller frees. */
static char *complaints(const char *text)
{
    struct error_list errors = {0};
    struct buffer all = {0};
    json_t *spec = json_read(text, strlen(text), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spec);
    const struct plan_options options = {
        .ops = runtime_ops(), .timeout = TIMEOUT_NONE, .at = "/spec"};
    struct plan *plan = plan_compile(spec, &options, &errors);
    CU_ASSERT_EQUAL(plan == NULL, errors.n > 0);
    buffer_text(&all, "");
    for (size_t i = 0; i < errors.n; i++)
        buffer_format(&all, "%s: %s\n", errors.items[i].pointer, errors.items[i].detail);
    plan_unref(plan);
    error_list_release(&errors);
    json_decref(spec);
    return buffer_take(&all);
}

static void refuses(const char *spec, const char *expected)
{
    char *got = complaints(spec);
    if (!got || strcmp(got, expected) != 0)
        printf("\n%s\n  expected: %s  got:      %s", spec, expected, got ? got : "(nothing)\n");
    CU_ASSERT_TRUE(got && strcmp(got, expected) == 0);
    free(got);
}

static void every_error_is_reported_with_its_pointer(void)
{
    refuses("{\"op\":\"gather\",\"tasks\":[{\"op\":\"sleep\"},{\"op\":\"value\",\"valu\":1},7]}",
            "/spec/tasks/0: 'sleep' needs the field 'seconds'\n"
            "/spec/tasks/1/valu: 'value' has no field 'valu'; did you mean 'value'?\n"
            "/spec/tasks/1: 'value' needs the field 'value'\n"
            "/spec/tasks/2: must be a node: an object with the field 'op'\n");
}

static void pointers_are_escaped(void)
{
    refuses("{\"op\":\"value\",\"value\":1,\"a/b~c\":1}",
            "/spec/a~1b~0c: 'value' has no field 'a/b~c'\n");
}

static void an_unknown_op_names_the_nearest(void)
{
    refuses("{\"op\":\"slep\",\"seconds\":1}",
            "/spec/op: there is no op 'slep'; did you mean 'sleep'?\n");
    refuses("{\"op\":\"frobnicate\"}", "/spec/op: there is no op 'frobnicate'\n");
    refuses("{\"op\":7}", "/spec/op: must be the name of an op\n");
    refuses("{}", "/spec: a node needs the field 'op'\n");
}

static void types_and_ranges_are_checked(void)
{
    refuses("{\"op\":\"sleep\",\"seconds\":\"1\"}",
            "/spec/seconds: must be a number, not a string\n");
    refuses("{\"op\":\"sleep\",\"seconds\":-1}",
            "/spec/seconds: must be a number from 0 to 3155760000\n");
    refuses("{\"op\":\"log\",\"message\":\"x\",\"level\":\"loud\"}",
            "/spec/level: must be one of 'debug', 'info', 'warning', 'error'\n");
    refuses("{\"op\":\"subprocess\",\"argv\":[]}", "/spec/argv: must have at least 1 item\n");
    refuses("{\"op\":\"subprocess\",\"argv\":[\"a\"],\"shell\":\"b\"}",
            "/spec: 'subprocess' needs exactly one of 'argv' and 'shell'\n");
    refuses("{\"op\":\"subprocess\",\"shell\":\"b\",\"max_output\":1.5}",
            "/spec/max_output: must be an integer, not a number\n");
    refuses("{\"op\":\"subprocess\",\"shell\":\"b\",\"env\":{\"A=\":\"x\"}}",
            "/spec/env/A=: a variable's name must not be empty or contain '='\n");
}

/* "f" for each node that fails when the server crashed, "r" for each other one. */
static void expect_on_crash(const char *text, const char *expected)
{
    struct error_list errors = {0};
    json_t *spec = json_read(text, strlen(text), NULL);
    struct plan *plan = plan_compile(
        spec, &(struct plan_options){.ops = runtime_ops(), .timeout = TIMEOUT_NONE}, &errors);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_EQUAL(plan->n_nodes, strlen(expected));
    for (uint32_t i = 0; i < plan->n_nodes; i++)
        CU_ASSERT_EQUAL(plan->nodes[i].fails_on_crash, expected[i] == 'f');
    plan_unref(plan);
    json_decref(spec);
}

static void only_nodes_with_effects_may_fail_on_a_crash(void)
{
    expect_on_crash("{\"op\":\"sequence\",\"steps\":["
                    "{\"op\":\"subprocess\",\"argv\":[\"a\"],\"on_crash\":\"fail\"},"
                    "{\"op\":\"http\",\"url\":\"http://a\",\"on_crash\":\"rerun\"},"
                    "{\"op\":\"thread\",\"function\":\"noop\"},"
                    "{\"op\":\"thread\",\"on_crash\":\"fail\",\"function\":\"noop\"},"
                    "{\"op\":\"stream\",\"on_crash\":\"fail\",\"host\":\"a\",\"port\":1,"
                    "\"read\":{\"eof\":true}}]}",
                    "rfrrff");
    refuses("{\"op\":\"sleep\",\"seconds\":1,\"on_crash\":\"fail\"}",
            "/spec/on_crash: 'sleep' has no field 'on_crash'\n");
    refuses("{\"op\":\"gather\",\"tasks\":[],\"on_crash\":\"rerun\"}",
            "/spec/on_crash: 'gather' has no field 'on_crash'\n");
    refuses("{\"op\":\"thread\",\"function\":\"noop\",\"oncrash\":\"fail\"}",
            "/spec/oncrash: 'thread' has no field 'oncrash'; did you mean 'on_crash'?\n");
    refuses("{\"op\":\"thread\",\"function\":\"noop\",\"on_crash\":\"retry\"}",
            "/spec/on_crash: must be one of 'rerun', 'fail'\n");
    refuses("{\"op\":\"thread\",\"function\":\"noop\",\"on_crash\":\"${args.x}\"}",
            "/spec/on_crash: must be one of 'rerun', 'fail'\n");
    refuses("{\"op\":\"thread\",\"function\":\"noop\",\"on_crash\":null}",
            "/spec/on_crash: must be one of 'rerun', 'fail'\n");
}

static void names_must_be_known(void)
{
    refuses("{\"op\":\"await\",\"task\":\"a\"}",
            "/spec/task: no 'create_task' of this job has the name 'a'\n");
    refuses(
        "{\"op\":\"sequence\",\"steps\":[{\"op\":\"cancel\",\"task\":\"later\"},"
        "{\"op\":\"create_task\",\"name\":\"later\",\"body\":{\"op\":\"sleep\",\"seconds\":0}}]}",
        "");
}

static void references_are_refused_and_escapes_are_not(void)
{
    char *got = complaints("{\"op\":\"log\",\"message\":\"hello ${args.name}\"}");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(got, "/spec/message: the reference '${args.name}' names nothing"));
    free(got);
    got = complaints("{\"op\":\"value\",\"value\":{\"a\":[1,\"${x}\"]}}");
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "/spec/value/a/1: the reference '${x}'"));
    free(got);
    refuses("{\"op\":\"subprocess\",\"shell\":\"echo $${HOME} $HOME {}\"}", "");
    refuses("{\"op\":\"value\",\"value\":[\"$${x}\",{\"y\":\"$$\"}]}", "");
}

static char *nested(int depth)
{
    struct buffer text = {0};
    for (int i = 1; i < depth; i++)
        buffer_text(&text, "{\"op\":\"sequence\",\"steps\":[");
    buffer_text(&text, "{\"op\":\"sleep\",\"seconds\":0}");
    for (int i = 1; i < depth; i++)
        buffer_text(&text, "]}");
    return buffer_take(&text);
}

static void depth_is_limited(void)
{
    char *good = nested(PLAN_DEPTH_MAX), *bad = nested(PLAN_DEPTH_MAX + 1);
    refuses(good, "");
    char *got = complaints(bad);
    CU_ASSERT_PTR_NOT_NULL(strstr(got, ": nodes are nested more than 64 deep"));
    free(got);
    free(good);
    free(bad);
}

static void raise_takes_no_exception_that_ends_the_program(void)
{
    char *got = complaints("{\"op\":\"raise\",\"type\":\"KeyboardInterrupt\"}");
    CU_ASSERT_PTR_NOT_NULL(strstr(got, "/spec/type: 'KeyboardInterrupt' is no exception"));
    free(got);
    refuses("{\"op\":\"raise\",\"type\":\"my.Error_2\"}", "");
}

static void frames_of_siblings_share_their_place(void)
{
    const char *text =
        "{\"op\":\"sequence\",\"steps\":[{\"op\":\"sleep\",\"seconds\":0},"
        "{\"op\":\"timeout\",\"seconds\":1,\"body\":{\"op\":\"sleep\",\"seconds\":0}},"
        "{\"op\":\"gather\",\"tasks\":[{\"op\":\"sleep\",\"seconds\":0}]}]}";
    struct error_list errors = {0};
    json_t *spec = json_read(text, strlen(text), NULL);
    const struct plan_options options = {.ops = runtime_ops(), .timeout = 5, .at = "/spec"};
    struct plan *plan = plan_compile(spec, &options, &errors);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_EQUAL(plan->n_nodes, 7); /* with the task's own timeout above */
    CU_ASSERT_EQUAL(plan->root, 1);
    CU_ASSERT_EQUAL(plan->nodes[2].frame_offset, plan->nodes[3].frame_offset);
    CU_ASSERT_EQUAL(plan->nodes[6].frame_offset, 0); /* gather's child is a task of its own */
    CU_ASSERT_EQUAL(plan->nodes[6].frames_size, plan->nodes[6].shape->frame_size);
    struct buffer path = {0};
    plan_path(plan, 4, &path);
    CU_ASSERT_STRING_EQUAL(path.bytes, "/steps/1/body");
    buffer_release(&path);
    plan_unref(plan);
    json_decref(spec);
}

static void every_op_has_spec_tests(void)
{
    const struct op_table *ops = runtime_ops();
    for (size_t i = 0; i < ops->n; i++) {
        char path[200];
        snprintf(path, sizeof path, "tests/specs/%s.test", ops->shapes[i]->name);
        FILE *file = fopen(path, "r");
        if (!file)
            printf("\nthere is no %s\n", path);
        CU_ASSERT_PTR_NOT_NULL(file);
        if (file)
            fclose(file);
    }
}

#define STREAM "{\"op\":\"stream\",\"host\":\"h\",\"port\":7,"

static void records_are_checked_as_nodes_are(void)
{
    refuses(STREAM "\"read\":{\"until\":1,\"exactly\":-1,\"untill\":\"x\"}}",
            "/spec/read/untill: 'read' has no field 'untill'; did you mean 'until'?\n"
            "/spec/read/until: must be a string or {\"base64\": …}, not a number\n"
            "/spec/read/exactly: must be an integer from 0 to 9007199254740992\n"
            "/spec/read: 'read' needs exactly one of 'until' and 'exactly' and 'eof'\n");
    refuses(STREAM "\"read\":{\"exactly\":1e300}}",
            "/spec/read/exactly: must be an integer from 0 to 9007199254740992\n");
    refuses(STREAM "\"read\":[]}", "/spec/read: must be an object, not an array\n");
    refuses(STREAM "\"read\":{\"eof\":false}}", "/spec/read/eof: must be true\n");
    refuses(STREAM "\"exchange\":[]}", "/spec/exchange: must have at least 1 item\n");
    refuses(STREAM "\"exchange\":[{},{\"read\":{\"until\":\"\"}},7]}",
            "/spec/exchange/1/read/until: must not be empty\n"
            "/spec/exchange/2: must be an object, not a number\n");
}

static void bytes_are_text_or_base64(void)
{
    refuses(STREAM "\"send\":{\"base64\":\"a\"},\"read\":{\"eof\":true}}",
            "/spec/send/base64: must be base64: groups of four letters, digits, '+' and '/', with "
            "'=' at the end\n");
    refuses(STREAM "\"send\":{\"text\":\"a\"},\"read\":{\"eof\":true}}",
            "/spec/send/text: 'bytes' has no field 'text'\n"
            "/spec/send: 'bytes' needs the field 'base64'\n");
}

/* What stands in for a value that nobody knows yet is looked at as far as that goes. */
static void records_with_references(void)
{
    refuses(STREAM "\"read\":{\"exactly\":\"${a}\",\"until\":2}}",
            "/spec/read/until: must be a string or {\"base64\": …}, not a number\n"
            "/spec/read: 'read' needs exactly one of 'until' and 'exactly' and 'eof'\n");
    refuses(STREAM "\"exchange\":[{\"read\":{\"exactly\":\"${a} bytes\"}}]}",
            "/spec/exchange/0/read/exactly: must be one reference, such as ${name}, and nothing "
            "else\n");
    refuses(STREAM "\"exchange\":[{\"send\":\"${a}\",\"read\":{\"exactly\":1}}]}",
            "/spec/exchange/0/send: the reference '${a}' names nothing that is visible here; write "
            "'$${' for a literal '${'\n");
}

/* One for each name, whoever awaits it, under the task's own timeout as well. */
static void futures_are_found_by_their_names(void)
{
    static const char text[] =
        "{\"op\":\"gather\",\"tasks\":[{\"op\":\"future\",\"name\":\"m\"},"
        "{\"op\":\"future\",\"name\":\"z\"},{\"op\":\"value\",\"name\":\"v\",\"value\":1},"
        "{\"op\":\"future\",\"name\":\"a\"},{\"op\":\"future\",\"name\":\"m\"}]}";
    static const char *const names[] = {"a", "m", "z"};
    static const uint32_t nodes[] = {5, 2, 3};
    struct error_list errors = {0};
    json_t *spec = json_read(text, strlen(text), NULL);
    const struct plan_options options = {.ops = runtime_ops(), .timeout = 1};
    struct plan *plan = plan_compile(spec, &options, &errors);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    CU_ASSERT_EQUAL_FATAL(plan->n_futures, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct future_name *found = plan_find_future(plan, names[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(found);
        CU_ASSERT_PTR_EQUAL(found, plan->futures[i]);
        CU_ASSERT_EQUAL(found->index, i);
        CU_ASSERT_EQUAL(found->node, nodes[i]);
    }
    CU_ASSERT_PTR_EQUAL(plan->nodes[6].arguments[0].future, plan->futures[1]);
    CU_ASSERT_PTR_NULL(plan_find_future(plan, "v"));
    CU_ASSERT_PTR_NULL(plan_find_future(plan, ""));
    plan_unref(plan);
    json_decref(spec);
}

CU_TestInfo tests_plan[] = {
    {"every_error_is_reported_with_its_pointer", every_error_is_reported_with_its_pointer},
    {"pointers_are_escaped", pointers_are_escaped},
    {"an_unknown_op_names_the_nearest", an_unknown_op_names_the_nearest},
    {"types_and_ranges_are_checked", types_and_ranges_are_checked},
    {"names_must_be_known", names_must_be_known},
    {"only_nodes_with_effects_may_fail_on_a_crash", only_nodes_with_effects_may_fail_on_a_crash},
    {"references_are_refused_and_escapes_are_not", references_are_refused_and_escapes_are_not},
    {"depth_is_limited", depth_is_limited},
    {"raise_takes_no_exception_that_ends_the_program",
     raise_takes_no_exception_that_ends_the_program},
    {"frames_of_siblings_share_their_place", frames_of_siblings_share_their_place},
    {"futures_are_found_by_their_names", futures_are_found_by_their_names},
    {"every_op_has_spec_tests", every_op_has_spec_tests},
    {"records_are_checked_as_nodes_are", records_are_checked_as_nodes_are},
    {"bytes_are_text_or_base64", bytes_are_text_or_base64},
    {"records_with_references", records_with_references},
    CU_TEST_INFO_NULL,
};
