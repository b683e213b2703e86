/* Lists, for every backend. */
#include <string.h>

#include "schema/buffer.h"
#include "tests/store/fixture.h"

/* Page by page, as "n n n"; newest first. */
static void list_text(struct store_filter filter, size_t page, struct buffer *text)
{
    struct task_record *records[50];
    struct id last;
    size_t n;
    filter.limit = page;
    buffer_text(text, "");
    do {
        struct error e = {0};
        CU_ASSERT_EQUAL_FATAL(store_list(fixture.reader, &filter, records, &n, &e), 0);
        CU_ASSERT_FATAL(n <= page);
        for (size_t i = 0; i < n; i++) {
            CU_ASSERT_PTR_NULL(records[i]->spec);
            buffer_format(text, "%d ", (int)(records[i]->created_at_us - 1700000000000000));
            last = records[i]->id;
            filter.before = &last;
            task_record_unref(records[i]);
        }
    } while (n == page);
}

static void test_list_pages(void)
{
    struct buffer text = {0};
    for (unsigned i = 0; i < 7; i++)
        insert(i * 3 % 7 + 1); /* not in the order of their ids */
    list_text((struct store_filter){.state = -1}, 3, &text);
    CU_ASSERT_STRING_EQUAL(text.bytes, "7 6 5 4 3 2 1 ");
    buffer_release(&text);
    struct task_record *record;
    size_t n = 99;
    struct error e;
    struct store_filter none = {.state = -1, .limit = 0};
    CU_ASSERT_EQUAL(store_list(fixture.reader, &none, &record, &n, &e), 0);
    CU_ASSERT_EQUAL(n, 0);
}

#define N_MIXED 60
static const char *const mixed_names[] = {NULL, "a", "b\"\\\n", ""};
static const char *const mixed_labels[] = {NULL, "{}", "{\"k\":\"v\"}", "{\"k\":\"w\",\"x\":\"v\"}",
                                           "{\"x\\\"k\":\"v\",\"k\":\"w\\\",\\\"k\"}"};
static const struct label_case {
    const char *key, *value;
    bool is_in[5];
} label_cases[] = {
    {NULL, NULL, {true, true, true, true, true}},
    {"k", "v", {false, false, true, false, false}},
    {"k", "w", {false, false, false, true, false}},
    {"x", "v", {false, false, false, true, false}},
    {"x\"k", "v", {false, false, false, false, true}},
    {"k", "w\",\"k", {false, false, false, false, true}},
};

static enum task_state mixed_state(unsigned i)
{
    return (enum task_state)(i * 7 / 3 % TASK_STATES);
}

static void insert_mixed(unsigned i)
{
    struct task_record *task = task_new(i);
    task->state = mixed_state(i) == TASK_RUNNING ? TASK_RUNNING : TASK_PENDING;
    set_text(&task->name, mixed_names[i % 4]);
    set_text(&task->labels, mixed_labels[i % 5]);
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task), 0);
    if (task_state_is_final(mixed_state(i)))
        CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(i, mixed_state(i))), 0);
}

static void check_list(int state, const char *name, const struct label_case *label)
{
    struct buffer expected = {0}, text = {0};
    buffer_text(&expected, "");
    for (unsigned i = N_MIXED; i-- > 0;)
        if ((state < 0 || (int)mixed_state(i) == state) &&
            (!name || (mixed_names[i % 4] && strcmp(mixed_names[i % 4], name) == 0)) &&
            label->is_in[i % 5])
            buffer_format(&expected, "%u ", i);
    struct store_filter filter = {
        .state = state, .name = name, .label_key = label->key, .label_value = label->value};
    list_text(filter, 4, &text);
    CU_ASSERT_STRING_EQUAL(text.bytes, expected.bytes);
    buffer_release(&text);
    buffer_release(&expected);
}

static void test_list_filters(void)
{
    for (unsigned i = 0; i < N_MIXED; i++)
        insert_mixed(i);
    for (int state = -1; state < TASK_STATES; state++)
        for (size_t name = 0; name < 4; name++)
            for (size_t label = 0; label < sizeof label_cases / sizeof *label_cases; label++)
                check_list(state, mixed_names[name], &label_cases[label]);
}

/* As a start does it: page by page, with the specs. */
static void test_read_open(void)
{
    struct task_record *records[4];
    struct buffer expected = {0}, text = {0};
    struct error e = {0};
    struct id last;
    size_t n;
    for (unsigned i = 0; i < N_MIXED; i++) {
        insert_mixed(i);
        if (!task_state_is_final(mixed_state(i)))
            buffer_format(&expected, "{\"op\":\"value\",\"value\":%u} ", i);
    }
    for (const struct id *after = NULL;; after = &last) {
        CU_ASSERT_EQUAL_FATAL(store_read_open(fixture.reader, after, 4, records, &n, &e), 0);
        for (size_t i = 0; i < n; i++) {
            last = records[i]->id;
            buffer_format(&text, "%s ", records[i]->spec);
            task_record_unref(records[i]);
        }
        if (n == 0)
            break;
    }
    CU_ASSERT_STRING_EQUAL(text.bytes, expected.bytes);
    buffer_release(&text);
    buffer_release(&expected);
}

CU_TestInfo tests_lists[] = {
    {"list pages", test_list_pages},
    {"list filters", test_list_filters},
    {"read open", test_read_open},
    CU_TEST_INFO_NULL,
};
