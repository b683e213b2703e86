/* Functions: the table of them, their arguments and answers, and what the built-in ones do that
 * spec tests cannot show. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/executor/function.h"
#include "tests/suites.h"

extern CU_TestInfo tests_function[];

/* ---- calling ---- */

struct world {
    int n_looks, cancelled_after; /* looks at the flag; 0: never */
    double progress;
    int n_reports;
};

static bool is_cancelled(struct function_call *call)
{
    struct world *world = call->context;
    return ++world->n_looks >= world->cancelled_after && world->cancelled_after;
}

static void progress(struct function_call *call, double fraction, const char *message)
{
    struct world *world = call->context;
    (void)message;
    CU_ASSERT_TRUE(fraction >= world->progress && fraction <= 1);
    world->progress = fraction;
    world->n_reports++;
}

static void no_wait(struct function_call *call, double seconds, bool ends_early)
{
    (void)call, (void)seconds, (void)ends_early;
}

static struct answer run(const struct function *function, const char *given, struct world *world)
{
    static const struct function_port port = {is_cancelled, progress, no_wait};
    struct buffer text = {0};
    buffer_text(&text, given);
    struct function_call *call = function_call_new(function, &text, NULL);
    call->port = &port;
    call->context = world;
    function_call_run(call);
    struct answer answer = call->operation.answer;
    call->operation.answer = (struct answer){0};
    operation_free(&call->operation);
    return answer;
}

static struct answer call(const char *name, const char *given)
{
    struct world world = {0};
    struct error e;
    struct functions *functions = functions_new(&e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(functions);
    struct answer answer = run(functions_find(functions, name), given, &world);
    functions_free(functions);
    return answer;
}

static void returns(const char *name, const char *given, const char *wanted)
{
    struct answer answer = call(name, given);
    CU_ASSERT_PTR_NULL(answer.type);
    CU_ASSERT_STRING_EQUAL(answer.text, wanted);
    CU_ASSERT_EQUAL(answer.size, strlen(answer.text));
    answer_release(&answer);
}

/* message: how it begins */
static void raises(const char *name, const char *given, const char *type, const char *message)
{
    struct answer answer = call(name, given);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer.type);
    CU_ASSERT_STRING_EQUAL(answer.type, type);
    CU_ASSERT_NSTRING_EQUAL(answer.text, message, strlen(message));
    answer_release(&answer);
}

/* ---- the table ---- */

static void functions_are_found_by_their_names(void)
{
    struct error e;
    struct functions *functions = functions_new(&e);
    CU_ASSERT_STRING_EQUAL(functions_find(functions, "hash")->name, "hash");
    CU_ASSERT_PTR_NULL(functions_find(functions, "hasch"));
    CU_ASSERT_PTR_NULL(functions_find(functions, ""));
    CU_ASSERT_STRING_EQUAL(functions_nearest(functions, "hasch"), "hash");
    CU_ASSERT_PTR_NULL(functions_nearest(functions, "something_else"));
    for (size_t i = 1; i < functions_count(functions); i++)
        CU_ASSERT_TRUE(
            strcmp(functions_at(functions, i - 1)->name, functions_at(functions, i)->name) < 0);
    functions_free(functions);
}

static void own(struct function_call *call)
{
    const char *text = call->function->context;
    if (text)
        function_return(call, strdup(text), strlen(text));
}

static void functions_can_be_added_once(void)
{
    struct error e;
    struct functions *functions = functions_new(&e);
    struct function function = {
        .name = "own", .summary = "Own.", .parameters_json = "{\"a\":{}}", .run = own};
    CU_ASSERT_EQUAL(functions_add(functions, &function, &e), 0);
    CU_ASSERT_EQUAL(functions_find(functions, "own")->parameters.n, 1);
    CU_ASSERT_EQUAL(functions_add(functions, &function, &e), -ERROR_CONFLICT);
    function.name = "other";
    function.parameters_json = "{\"a\":{\"type\":\"nothing\"}}";
    CU_ASSERT_EQUAL(functions_add(functions, &function, &e), -ERROR_INVALID);
    function.parameters_json = "{";
    CU_ASSERT_EQUAL(functions_add(functions, &function, &e), -ERROR_INVALID);
    CU_ASSERT_PTR_NULL(functions_find(functions, "other"));
    functions_free(functions);
}

/* ---- answers ---- */

static struct answer answer_of(const char *text)
{
    const struct function function = {.name = "own", .context = text, .run = own};
    struct world world = {0};
    return run(&function, "{}", &world);
}

static void what_is_returned_is_compact_json(void)
{
    struct answer answer = answer_of(" { \"a\" : [ 1 , 2.50 ] } ");
    CU_ASSERT_PTR_NULL(answer.type);
    CU_ASSERT_STRING_EQUAL(answer.text, "{\"a\":[1,2.5]}");
    answer_release(&answer);
}

static void what_is_no_json_is_an_error(void)
{
    static const char *const garbage[] = {"", "{", "nul", "\"\xff\"", "1 2", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        struct answer answer = answer_of(garbage[i]);
        CU_ASSERT_STRING_EQUAL(answer.type, "RuntimeError");
        answer_release(&answer);
    }
}

static void no_answer_is_an_error(void)
{
    struct answer answer = answer_of(NULL);
    CU_ASSERT_STRING_EQUAL(answer.type, "RuntimeError");
    CU_ASSERT_STRING_EQUAL(answer.text, "the function 'own' returned nothing");
    answer_release(&answer);
}

static void raise_twice(struct function_call *call)
{
    function_raise(call, call->function->context, "caf\xe9 %d", 1);
    function_raise(call, "ValueError", "later");
    function_return_text(call, "late", 4);
}

static void the_first_answer_counts_and_is_clean(void)
{
    static const struct {
        const char *raised, *type;
    } cases[] = {{"OutOfCoffee", "OutOfCoffee"},
                 {"SystemExit", "RuntimeError"},
                 {"a\"b", "RuntimeError"},
                 {"", "RuntimeError"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct function function = {
            .name = "own", .context = cases[i].raised, .run = raise_twice};
        struct world world = {0};
        struct answer answer = run(&function, "{}", &world);
        CU_ASSERT_STRING_EQUAL(answer.type, cases[i].type);
        CU_ASSERT_STRING_EQUAL(answer.text, "caf? 1");
        answer_release(&answer);
    }
}

static void arguments_are_bound_before_it_runs(void)
{
    raises("sleep", "", "TypeError", "sleep() missing a required argument: 'seconds'");
    raises("sleep", "{\"seconds\":-1}", "ValueError", "argument 'seconds' must be at least 0");
    raises("sleep", "{\"seconds\":1,\"x\":1}", "TypeError", "sleep() got an unexpected keyword");
    raises("noop", "[]", "TypeError", "'args' must be an object");
    returns("echo", "{\"value\":\"\\u0000\"}", "\"\\u0000\"");
}

/* ---- cancelled, and on the way ---- */

static void primes_sees_that_it_is_cancelled_and_says_how_far_it_is(void)
{
    struct error e;
    struct functions *functions = functions_new(&e);
    const struct function *primes = functions_find(functions, "primes");
    struct world world = {.cancelled_after = 3};
    struct answer answer = run(primes, "{\"n\":1000000000000}", &world);
    CU_ASSERT_STRING_EQUAL(answer.type, "CancelledError");
    CU_ASSERT_EQUAL(world.n_reports, 2);
    answer_release(&answer);
    world = (struct world){0};
    answer = run(primes, "{\"n\":1000000}", &world);
    CU_ASSERT_STRING_EQUAL(answer.text, "78498");
    CU_ASSERT_EQUAL(world.progress, 1);
    CU_ASSERT_EQUAL(world.n_reports, 4);
    answer_release(&answer);
    functions_free(functions);
}

static void all_long_ones_see_that_they_are_cancelled(void)
{
    static const struct {
        const char *name, *given;
    } cases[] = {
        {"hash", "{\"file\":\"/etc/passwd\"}"},
        {"compress", "{\"text\":\"x\"}"},
        {"decompress", "{\"base64\":\"H4sIAAAAAAACA8tIzcnJV0jKSSxOzU3NUchJrEzlAgCAxxTSFAAAAA==\"}"},
        {"primes", "{\"n\":10}"},
        {"json_query", "{\"filter\":\"repeat(1)\"}"},
    };
    struct error e;
    struct functions *functions = functions_new(&e);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world = {.cancelled_after = 1};
        struct answer answer =
            run(functions_find(functions, cases[i].name), cases[i].given, &world);
        CU_ASSERT_STRING_EQUAL(answer.type ? answer.type : "returned", "CancelledError");
        answer_release(&answer);
    }
    functions_free(functions);
}

static void sort_sees_that_it_is_cancelled(void)
{
    struct error e;
    struct functions *functions = functions_new(&e);
    struct world world = {.cancelled_after = 1};
    struct buffer given = {0};
    buffer_text(&given, "{\"items\":[0");
    for (int i = 1; i < 20000; i++)
        buffer_format(&given, ",%d", (i * 7919) % 20000);
    buffer_text(&given, "]}");
    struct answer answer = run(functions_find(functions, "sort"), given.bytes, &world);
    CU_ASSERT_STRING_EQUAL(answer.type, "CancelledError");
    answer_release(&answer);
    buffer_release(&given);
    functions_free(functions);
}

/* ---- the built-in ones ---- */

static void hash_reads_regular_files_only(void)
{
    char folder[] = "/tmp/awaitd-unit-XXXXXX", given[200], path[100];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pipe", folder);
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    snprintf(given, sizeof given, "{\"file\":\"%s\"}", path);
    raises("hash", given, "OSError", "not a regular file: '");
    unlink(path);
    raises("hash", given, "FileNotFoundError", "[Errno 2] No such file or directory: '/tmp/awaitd");
    snprintf(given, sizeof given, "{\"file\":\"%s\"}", folder);
    raises("hash", given, "IsADirectoryError", "[Errno 21] Is a directory: '/tmp/awaitd");
    rmdir(folder);
    raises("hash", "{\"file\":\"/dev/zero\"}", "OSError", "not a regular file: '/dev/zero'");
    raises("hash", "{\"file\":\"/etc/passwd/x\"}", "NotADirectoryError", "[Errno 20] ");
    raises("hash", "{\"file\":\"/etc/passwd\\u0000x\"}", "ValueError", "embedded null byte");
    raises("hash", "{}", "TypeError", "hash() takes exactly one of 'text', 'base64' and 'file' (0");
    raises("hash", "{\"text\":\"\",\"file\":\"\"}", "TypeError", "hash() takes exactly one of");
}

static void hash_of_a_file_is_that_of_its_bytes(void)
{
    char path[] = "/tmp/awaitd-unit-XXXXXX", given[100];
    int file = mkstemp(path);
    CU_ASSERT_EQUAL_FATAL(write(file, "abc", 3), 3);
    close(file);
    snprintf(given, sizeof given, "{\"algorithm\":\"md5\",\"file\":\"%s\"}", path);
    returns("hash", given, "\"900150983cd24fb0d6963f7d28e17f72\"");
    unlink(path);
}

/* What is small may become large. */
static void decompress_stops_at_its_limit(void)
{
    struct buffer given = {0};
    struct answer big = {0};
    char *zeros = malloc((8 << 20) + 1);
    memset(zeros, '0', 8 << 20);
    zeros[8 << 20] = '\0';
    buffer_format(&given, "{\"text\":\"%s\"}", zeros);
    big = call("compress", given.bytes);
    buffer_release(&given);
    buffer_format(&given, "{\"base64\":%s,\"max_bytes\":8388608}", big.text);
    struct answer whole = call("decompress", given.bytes);
    CU_ASSERT_EQUAL(whole.size, (8 << 20) + 2);
    answer_release(&whole);
    buffer_release(&given);
    buffer_format(&given, "{\"base64\":%s,\"max_bytes\":8388607}", big.text);
    raises("decompress", given.bytes, "ValueError", "more than 8388607 bytes come out of it");
    buffer_release(&given);
    answer_release(&big);
    free(zeros);
}

static void decompress_says_what_is_wrong(void)
{
    returns("decompress",
            "{\"base64\":\"H4sIAAAAAAACA0sEAEO+t+gBAAAAAAAAH4sIAAAAAAACA0sCAPnvvnEBAAAAAA==\"}",
            "\"ab\""); /* padded with zeros */
    raises("decompress", "{\"base64\":\"YWJjZA==\"}", "ValueError", "not gzip: ");
    raises("decompress", "{\"base64\":\"YWJjZA\"}", "ValueError",
           "argument 'base64' must be base64");
    raises("decompress", "{\"base64\":\"\"}", "EOFError", "Compressed file ended before");
    raises("decompress",
           "{\"base64\":\"H4sIAAAAAAACA8tIzcnJV0jKSSxOzU3NUchJrEzlAgAAAAAAFAAAAA==\"}",
           "ValueError", "not gzip: incorrect data check");
}

static void json_query_runs_filters_of_jq(void)
{
    returns("json_query", "{\"filter\":\".a[] | .b\",\"input\":{\"a\":[{\"b\":1},{\"b\":[2]}]}}",
            "[1,[2]]");
    returns("json_query", "{\"filter\":\".[]\",\"input\":[3,4],\"first\":true}", "3");
    returns("json_query", "{\"filter\":\"empty\",\"first\":true}", "null");
    returns("json_query", "{\"filter\":\"empty\"}", "[]");
    returns("json_query", "{\"filter\":\"\",\"input\":\"\\u00e9\"}", "[\"\xc3\xa9\"]");
    returns("json_query", "{\"filter\":\". # the end\",\"input\":1}", "[1]");
}

static void json_query_says_what_is_wrong(void)
{
    raises("json_query", "{\"filter\":\".[\"}", "ValueError", "not a filter of jq: syntax error");
    raises("json_query", "{\"filter\":\"nothing\"}", "ValueError",
           "not a filter of jq: nothing/0 is not defined");
    raises("json_query", "{\"filter\":\".a\",\"input\":1}", "ValueError", "Cannot index number");
    raises("json_query", "{\"filter\":\"1, error(\\\"x\\\")\"}", "ValueError", "x");
    raises("json_query", "{\"filter\":\"error({a:1})\"}", "ValueError", "{\"a\":1}");
}

static void json_query_sees_nothing_of_the_server(void)
{
    returns("json_query", "{\"filter\":\"env, $ENV, (\\\"x\\\" | debug), input_filename\"}",
            "[{},{},\"x\",null]");
    returns("json_query", "{\"filter\":\"[inputs]\"}", "[[]]");
    raises("json_query", "{\"filter\":\"input\"}", "ValueError", "");
    raises("json_query", "{\"filter\":\"halt\"}", "ValueError", "halt is not possible here");
    raises("json_query", "{\"filter\":\"import \\\"a\\\" as $a; $a\"}", "ValueError",
           "not a filter of jq: ");
    raises("json_query", "{\"filter\":\"include \\\"a\\\"; 1\"}", "ValueError",
           "not a filter of jq: ");
}

CU_TestInfo tests_function[] = {
    {"functions_are_found_by_their_names", functions_are_found_by_their_names},
    {"functions_can_be_added_once", functions_can_be_added_once},
    {"what_is_returned_is_compact_json", what_is_returned_is_compact_json},
    {"what_is_no_json_is_an_error", what_is_no_json_is_an_error},
    {"no_answer_is_an_error", no_answer_is_an_error},
    {"the_first_answer_counts_and_is_clean", the_first_answer_counts_and_is_clean},
    {"arguments_are_bound_before_it_runs", arguments_are_bound_before_it_runs},
    {"primes_sees_that_it_is_cancelled_and_says_how_far_it_is",
     primes_sees_that_it_is_cancelled_and_says_how_far_it_is},
    {"all_long_ones_see_that_they_are_cancelled", all_long_ones_see_that_they_are_cancelled},
    {"sort_sees_that_it_is_cancelled", sort_sees_that_it_is_cancelled},
    {"hash_reads_regular_files_only", hash_reads_regular_files_only},
    {"hash_of_a_file_is_that_of_its_bytes", hash_of_a_file_is_that_of_its_bytes},
    {"decompress_stops_at_its_limit", decompress_stops_at_its_limit},
    {"decompress_says_what_is_wrong", decompress_says_what_is_wrong},
    {"json_query_runs_filters_of_jq", json_query_runs_filters_of_jq},
    {"json_query_says_what_is_wrong", json_query_says_what_is_wrong},
    {"json_query_sees_nothing_of_the_server", json_query_sees_nothing_of_the_server},
    CU_TEST_INFO_NULL,
};
