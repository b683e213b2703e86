/* Groups as documents of the store. */
#include <stdlib.h>
#include <string.h>

#include "runtime/group_record.h"
#include "tests/suites.h"

extern CU_TestInfo tests_group_record[];

#define ID "01980e5a-6f2b-7c3d-9e4f-0123456789ab"

static struct group_record record_in(enum group_state state, const char *outcome)
{
    struct group_record record = {0};
    CU_ASSERT_TRUE(id_parse(ID, strlen(ID), &record.id));
    record.facts = (struct group_facts){.state = state,
                                        .created_at_us = 1,
                                        .closed_at_us = 2,
                                        .finished_at_us = 3,
                                        .deadline_at_us = 4,
                                        .due_us = 11,
                                        .cancel_requested_at_us = 5,
                                        .counts = {6, 7, 8, 9, 10}};
    record.outcome = outcome ? strdup(outcome) : NULL;
    return record;
}

static int read_body(struct group_record *out, const char *body)
{
    struct error e;
    const struct document document = {
        .kind = GROUP_KIND, .name = ID, .body = body, .created_at_us = 1};
    return group_record_read(out, &document, &e);
}

static void check_same(const char *a, const char *b)
{
    CU_ASSERT_EQUAL(!a, !b);
    if (a && b)
        CU_ASSERT_STRING_EQUAL(a, b);
}

/* Written and read it is the same. */
static void check_round_trip(struct group_record *record)
{
    struct group_record got;
    char *body = group_record_write(record);
    CU_ASSERT_EQUAL(read_body(&got, body), 0);
    CU_ASSERT_EQUAL(id_compare(&got.id, &record->id), 0);
    CU_ASSERT_EQUAL(got.facts.state, record->facts.state);
    CU_ASSERT_EQUAL(got.facts.created_at_us, 1);
    CU_ASSERT_EQUAL(got.facts.closed_at_us, 2);
    CU_ASSERT_EQUAL(got.facts.finished_at_us, 3);
    CU_ASSERT_EQUAL(got.facts.deadline_at_us, 4);
    CU_ASSERT_EQUAL(got.facts.due_us, 11);
    CU_ASSERT_EQUAL(got.facts.cancel_requested_at_us, 5);
    CU_ASSERT_EQUAL(got.facts.has_failed, record->facts.has_failed);
    CU_ASSERT_EQUAL(id_compare(&got.facts.failed_task, &record->facts.failed_task), 0);
    for (size_t i = 0; i < TASK_STATES; i++)
        CU_ASSERT_EQUAL(got.facts.counts[i], 6 + i);
    check_same(got.name, record->name);
    check_same(got.cancel_message, record->cancel_message);
    check_same(got.outcome, record->outcome);
    group_record_release(&got);
    group_record_release(record);
    free(body);
}

static void all_of_it_is_kept(void)
{
    struct group_record record = record_in(GROUP_OPEN, NULL);
    check_round_trip(&record);
    record = record_in(GROUP_FAILED, "{\"type\":\"ValueError\",\"message\":\"}\"}");
    record.name = strdup("\",\"result\":[],\"error\":{}}\\");
    record.cancel_message = strdup("\xc3\xa9\n");
    record.facts.has_failed = true;
    record.facts.failed_task = record.id;
    check_round_trip(&record);
}

/* However its members are called, and however deep it is. */
static void the_outcome_is_kept_as_it_is(void)
{
    enum { DEPTH = 1000 };
    char deep[2 * DEPTH + 1];
    struct group_record record =
        record_in(GROUP_SUCCEEDED, "[{\"a\":1,\"result\":2,\"error\":3},\",\\\"error\\\":\",1e2]");
    check_round_trip(&record);
    record = record_in(GROUP_CANCELLED, "{\"a\":1,\"result\":[],\"error\":{}}");
    check_round_trip(&record);
    memset(deep, '[', DEPTH);
    memset(deep + DEPTH, ']', DEPTH);
    deep[2 * DEPTH] = '\0';
    record = record_in(GROUP_SUCCEEDED, deep);
    check_round_trip(&record);
}

static void what_is_damaged_is_refused(void)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "}",
        "[]",
        "{\"state\":\"running\"}",
        "{\"state\":1}",
        "{\"state\":\"open\"",
        "{\"name\":\"a\",\"name\":\"b\",\"state\":\"open\"}",
    };
    struct group_record got;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        CU_ASSERT_EQUAL(read_body(&got, bodies[i]), -ERROR_SYSTEM);
        group_record_release(&got);
    }
    const struct document document = {.name = "17", .body = "{\"state\":\"open\"}"};
    CU_ASSERT_EQUAL(group_record_read(&got, &document, NULL), -ERROR_SYSTEM);
    group_record_release(&got);
}

CU_TestInfo tests_group_record[] = {
    {"all_of_it_is_kept", all_of_it_is_kept},
    {"the_outcome_is_kept_as_it_is", the_outcome_is_kept_as_it_is},
    {"what_is_damaged_is_refused", what_is_damaged_is_refused},
    CU_TEST_INFO_NULL,
};
