/* Texts, values and records: with each allocation missing they are right, or not there. */
#include <stdlib.h>
#include <string.h>

#include "runtime/group_record.h"
#include "runtime/store/record.h"
#include "schema/allocate.h"
#include "schema/base64.h"
#include "schema/field.h"
#include "schema/json.h"
#include "schema/plan.h"
#include "schema/reference.h"
#include "tests/memory/inject.h"
#include "tests/memory/run.h"

#define TEXT                                                                                       \
    "{\"a long key to make the buffers grow, again and again, since each growth may fail\":"       \
    "[1,2.5,-0.0,true,false,null,\"a \\\"quoted\\\" text\\u0001 and \xc3\xa9\",[[],{}]],\"b\":"    \
    "{\"c\":[{\"d\":\"e\"},1e300,123456789012345]}}"

/* Each gives a text that tells all that it came to, or NULL for want of memory. */
static char *json_there_and_back(void)
{
    struct error e = {0};
    struct buffer text = {0};
    json_t *value = json_read(TEXT, strlen(TEXT), &e);
    if (value)
        json_write(&text, value);
    else if (e.code != ERROR_NO_MEMORY)
        return strdup(e.text); /* a wrong reason */
    json_decref(value);
    return buffer_take(&text);
}

static char *values(void)
{
    static const struct reference_step steps[] = {{.key = "\"b\"", .key_size = 3},
                                                  {.key = "\"c\"", .key_size = 3}};
    const struct reference reference = {.steps = steps, .n_steps = 2};
    struct buffer text = {0};
    struct value *list = value_list_new(2), *whole = value_from_text(TEXT, strlen(TEXT));
    struct value *string = value_from_string("\"x\"\n", 4), *part = NULL;
    bool is_whole = list && whole && string;
    if (is_whole) {
        value_list_set(list, 0, value_ref(whole));
        value_list_set(list, 1, value_ref(string));
        part = reference_follow(&reference, whole);
        value_write(&text, list);
        reference_write(&text, PART_TEXT, string);
        reference_write(&text, PART_STRING, whole);
    }
    if (part)
        value_write(&text, part);
    text.failed |= !part;
    value_unref(part);
    value_unref(string);
    value_unref(whole);
    value_unref(list);
    return buffer_take(&text);
}

static char *texts(void)
{
    struct buffer text = {0};
    buffer_json_message(&text, "not UTF-8: \xff\xfe, and a long text, so that more is needed, "
                               "and still more, than the first piece of memory that it gets");
    buffer_json_real(&text, 0.1);
    buffer_json_time(&text, 1234567890123456);
    buffer_base64(&text, TEXT, strlen(TEXT));
    buffer_base64url(&text, TEXT, strlen(TEXT));
    buffer_format(&text, "%200d", 1);
    return buffer_take(&text);
}

static char *group_there_and_back(void)
{
    struct group_record record = {.facts = {.state = GROUP_SUCCEEDED, .closed_at_us = 5}}, copy;
    struct error e = {0};
    record.name = "name";
    record.cancel_message = "a message";
    record.outcome = "[" TEXT "]";
    char *body = group_record_write(&record), *again = NULL;
    struct document document = {
        .kind = GROUP_KIND, .name = "00000000-0000-7000-8000-000000000000", .body = body};
    int status = body ? group_record_read(&copy, &document, &e) : -ERROR_NO_MEMORY;
    if (status == 0)
        again = group_record_write(&copy);
    else if (status != -ERROR_NO_MEMORY)
        again = strdup(e.text); /* a wrong reason */
    if (body)
        group_record_release(&copy);
    free(body);
    return again;
}

static char *record_copy(void)
{
    struct buffer text = {0};
    struct task_record record = {.name = "n",
                                 .labels = "{}",
                                 .cancel_message = "m",
                                 .loop = "l",
                                 .result = "1",
                                 .error = "2",
                                 .unhandled = "3",
                                 .has_group = true};
    struct task_record *copy = task_record_copy(&record);
    if (!copy)
        return NULL;
    buffer_format(&text, "%s%s%s%s%s%s%s", copy->name, copy->labels, copy->cancel_message,
                  copy->loop, copy->result, copy->error, copy->unhandled);
    task_record_unref(copy);
    return buffer_take(&text);
}

static char *document(void)
{
    const struct document given = {.kind = "kind", .name = "name", .body = TEXT};
    struct document *copy = document_copy(&given);
    char *body = copy ? allocate_text(copy->body) : NULL;
    document_free(copy);
    return body;
}

struct listener {
    struct argument_listener base;
    size_t n;
};

static void hear(struct argument_listener *self, const struct argument_error *e)
{
    (void)e;
    ((struct listener *)self)->n++;
}

/* Of arguments that fit. */
static char *parameters(void)
{
    static const char definition[] =
        "{\"a\":{\"type\":[\"number\",\"null\"],\"default\":null},\"b\":{\"enum\":[[1],{\"x\":2}],"
        "\"default\":{\"x\":2}},\"c\":{\"type\":\"string\",\"maxLength\":3}}";
    struct error_list errors = {0};
    struct listener listener = {{hear}, 0};
    struct parameters list;
    struct buffer text = {0};
    size_t n_failures = allocate_failures();
    struct plan *memory = plan_new();
    json_t *json = json_loads(definition, 0, NULL), *given = json_loads("{\"c\":\"x\"}", 0, NULL);
    json_t *bound = NULL;
    if (memory && json && given && plan_read_parameters(memory, json, &list, &errors))
        bound = parameters_bind(&list, "f", given, NULL, &listener.base);
    if (bound)
        json_write(&text, bound);
    bool is_refused = !bound && allocate_failures() == n_failures;
    json_decref(bound);
    json_decref(given);
    json_decref(json);
    plan_unref(memory);
    error_list_release(&errors);
    return is_refused ? strdup("good arguments, and refused") : buffer_take(&text);
}

static const struct {
    const char *name;
    char *(*make)(void);
} makers[] = {
    {"JSON", json_there_and_back},     {"values", values},        {"texts", texts},
    {"a group", group_there_and_back}, {"a record", record_copy}, {"a document", document},
    {"parameters", parameters},
};

static void fail_each(struct report *report, size_t i, bool for_good)
{
    char *whole = makers[i].make();
    bool met = true;
    if (!whole)
        complain(report, "%s: nothing, though there is memory", makers[i].name);
    for (size_t nth = 1; met && whole; nth++) {
        inject(nth, for_good);
        char *text = makers[i].make();
        inject_end(&met);
        report->n_allocations += met;
        if (text ? strcmp(text, whole) != 0 : !met)
            complain(report, "%s, allocation %zu: got %s, not %s", makers[i].name, nth,
                     text ? text : "nothing", whole);
        free(text);
    }
    free(whole);
}

static void make_each(struct report *report)
{
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        fail_each(report, i, false);
        fail_each(report, i, true);
    }
}

static void test_values(void)
{
    run_isolated(make_each);
}

CU_TestInfo tests_of_values[] = {
    {"JSON, values, texts, records", test_values},
    CU_TEST_INFO_NULL,
};
