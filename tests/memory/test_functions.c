/* The functions of `thread`: right, or MemoryError; and never cut short as long as there is a
 * reserve. (json_query is not among them: it runs in a
 * process of its own, as libjq ends its process when there is no memory.) */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/reserve.h"
#include "tests/memory/inject.h"
#include "tests/memory/run.h"
#include "tests/unit/call_fixture.h"

static const struct {
    const char *name, *args;
} calls[] = {
    {"echo", "{\"value\":{\"a\":[1,2,\"a text that is not short, so that it does not fit\"]}}"},
    {"hash", "{\"text\":\"abc\"}"},
    {"hash", "{\"file\":\"Makefile\"}"},
    {"compress", "{\"text\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"},
    {"decompress", "{\"base64\":\"H4sIAAAAAAACA8tIzcnJV0jKSSxOzU3NUchJrEzlAgCAxxTSFAAAAA==\"}"},
    {"base64", "{\"text\":\"abcdef\"}"},
    {"primes", "{\"n\":10}"},
    {"sort", "{\"items\":[3,1,2]}"},
    {"noop", "{}"},
    {"sleep", "{\"seconds\":-1}"},
};

static bool is_cancelled(struct function_call *call)
{
    (void)call;
    return false;
}

static void progress(struct function_call *call, double fraction, const char *message)
{
    (void)call, (void)fraction, (void)message;
}

static void wait(struct function_call *call, double seconds, bool ends_early)
{
    (void)call, (void)seconds, (void)ends_early;
}

/* "TypeError: why", or the result; the caller frees. */
static char *call(const struct functions *functions, size_t i, size_t nth, bool for_good, bool *met)
{
    struct buffer text = {0};
    struct function_call *call = call_new(functions, calls[i].name, calls[i].args, NULL);
    static const struct function_port port = {is_cancelled, progress, wait};
    call->port = &port;
    if (nth)
        inject(nth, for_good);
    function_call_run(call);
    if (nth)
        inject_end(met);
    const struct answer *answer = &call->operation.answer;
    buffer_format(&text, "%s: %s", answer->type ? answer->type : "result",
                  answer->text ? answer->text : "nothing");
    operation_free(&call->operation);
    return buffer_take(&text);
}

static void fail_each(struct report *report, const struct functions *functions, size_t i,
                      bool for_good)
{
    bool met = true;
    char *whole = call(functions, i, 0, false, NULL);
    for (size_t nth = 1; met; nth++) {
        char *text = call(functions, i, nth, for_good, &met);
        report->n_allocations += met;
        if (strcmp(text, whole) != 0 && (!met || strncmp(text, "MemoryError: ", 13) != 0))
            complain(report, "%s(%s), allocation %zu: got %s, not %s", calls[i].name, calls[i].args,
                     nth, text, whole);
        free(text);
        BUG_ON(reserve_is_short()); /* makes it whole again */
    }
    free(whole);
}

static void call_each(struct report *report)
{
    struct error e;
    struct functions *functions = functions_new(&e);
    BUG_ON(!reserve_open());
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        fail_each(report, functions, i, false);
    functions_free(functions);
}

static void test_functions(void)
{
    run_isolated(call_each);
}

/* At the start. */
static void make_each(struct report *report)
{
    for (int for_good = 0; for_good < 2; for_good++) {
        bool met = true;
        for (size_t nth = 1; met; nth++) {
            struct error e;
            inject(nth, for_good);
            struct functions *functions = functions_new(&e);
            inject_end(&met);
            report->n_allocations += met;
            if (functions && met)
                complain(report, "allocation %zu failed, and all functions are there", nth);
            if (!functions && (!met || e.code != ERROR_NO_MEMORY))
                complain(report, "allocation %zu: refused with %s: %s", nth,
                         error_code_name(e.code), e.text);
            functions_free(functions);
        }
    }
}

static void test_registry(void)
{
    run_isolated(make_each);
}

CU_TestInfo tests_of_functions[] = {
    {"calls", test_functions},
    {"registry", test_registry},
    CU_TEST_INFO_NULL,
};
