/* Idempotency keys, for every backend: whoever comes first has it, for a day. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/fixture.h"

#define DAY KEY_KEPT_US
#define MINUTE INT64_C(60000000)

/* Used by the n-th task, at that time. */
static struct key_record key_of(const char *key, unsigned n, int64_t at_us)
{
    struct key_record record = {.scope = "",
                                .key = key,
                                .at_us = at_us,
                                .id = id_of(n),
                                .tag = "\"a tag\"",
                                .answer = "{}"};
    memset(record.fingerprint, (int)n, sizeof record.fingerprint);
    return record;
}

/* A task that was submitted at that time, with a key or NULL, which is borrowed. */
static struct write *make_insert(unsigned n, const struct key_record *key, int64_t at_us)
{
    struct task_record *record = task_new(n);
    record->created_at_us = at_us;
    struct write *write = write_new(STORE_INSERT, record);
    write->request.key = key;
    return write;
}

static int insert_with(unsigned n, const struct key_record *key)
{
    struct write *write = make_insert(n, key, key->at_us);
    write_submit(write);
    return write_wait(write);
}

static int use(const char *key, unsigned n, int64_t at_us)
{
    struct key_record record = key_of(key, n, at_us);
    return insert_with(n, &record);
}

/* NULL if it is not kept at that time. */
static struct key_record *look_up_key(const char *scope, const char *key, int64_t now_us)
{
    struct key_record *record = NULL;
    struct error e = {0};
    int rc = store_get_key(fixture.reader, scope, key, now_us, &record, &e);
    CU_ASSERT(rc == 0 || rc == -ERROR_NOT_FOUND);
    return record;
}

/* Who has it at that time; 0: nobody. */
static void check_user(const char *key, int64_t now_us, unsigned n)
{
    struct id id = id_of(n);
    struct key_record *record = look_up_key("", key, now_us);
    CU_ASSERT_EQUAL(record != NULL, n != 0);
    if (record)
        CU_ASSERT_EQUAL(id_compare(&record->id, &id), 0);
    key_record_free(record);
}

/* ---- one key ---- */

static void test_keep(void)
{
    struct key_record key = key_of("a \"key\"", 1, 5), *got;
    struct id id = id_of(1);
    CU_ASSERT_PTR_NULL(look_up_key("", "a \"key\"", 5));
    CU_ASSERT_EQUAL(insert_with(1, &key), 0);
    CU_ASSERT_TRUE(is_there(1));
    got = look_up_key("", "a \"key\"", 5);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_STRING_EQUAL(got->scope, "");
    CU_ASSERT_STRING_EQUAL(got->key, "a \"key\"");
    CU_ASSERT_EQUAL(got->at_us, 5);
    CU_ASSERT_EQUAL(memcmp(got->fingerprint, key.fingerprint, sizeof key.fingerprint), 0);
    CU_ASSERT_EQUAL(id_compare(&got->id, &id), 0);
    CU_ASSERT_STRING_EQUAL(got->tag, "\"a tag\"");
    CU_ASSERT_STRING_EQUAL(got->answer, "{}");
    key_record_free(got);
    CU_ASSERT_PTR_NULL(look_up_key("", "another", 5));
}

static void test_again(void)
{
    CU_ASSERT_EQUAL(use("a", 1, 5), 0);
    CU_ASSERT_EQUAL(use("a", 2, 6), -ERROR_REPEATED);
    CU_ASSERT_EQUAL(use("b", 3, 6), 0);
    CU_ASSERT_FALSE(is_there(2));
    check_user("a", 6, 1);
    check_user("b", 6, 3);
}

static void test_scopes(void)
{
    struct key_record first = key_of("a", 1, 5), second = key_of("a", 2, 5), *got;
    struct id id = id_of(2);
    second.scope = "another";
    CU_ASSERT_EQUAL(insert_with(1, &first), 0);
    CU_ASSERT_EQUAL(insert_with(2, &second), 0);
    check_user("a", 5, 1);
    got = look_up_key("another", "a", 5);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(id_compare(&got->id, &id), 0);
    key_record_free(got);
}

/* All that comes with the second one of a batch comes to nothing. */
static void test_at_once(void)
{
    struct key_record first = key_of("a", 1, 5), second = key_of("a", 2, 5);
    struct task_record *ended = task_end(2, TASK_SUCCEEDED);
    struct write *one, *two, *line, *end;
    writer_hold();
    one = make_insert(1, &first, 5);
    two = make_insert(2, &second, 5);
    two->request.ended = task_record_ref(ended);
    write_submit(one);
    write_submit(two);
    line = submit_log(2, 1);
    end = submit(STORE_FINISH, ended);
    writer_release();
    CU_ASSERT_EQUAL(write_wait(one), 0);
    CU_ASSERT_EQUAL(write_wait(two), -ERROR_REPEATED);
    CU_ASSERT_EQUAL(write_wait(line), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(write_wait(end), -ERROR_NOT_FOUND);
    CU_ASSERT_TRUE(is_there(1));
    CU_ASSERT_FALSE(is_there(2));
}

/* The id is taken: then the key is not. */
static void test_conflict(void)
{
    insert(1);
    CU_ASSERT_EQUAL(use("a", 1, 5), -ERROR_CONFLICT);
    check_user("a", 5, 0);
    CU_ASSERT_EQUAL(use("a", 2, 5), 0);
}

static void test_no_answer(void)
{
    struct key_record key = key_of("a", 1, 5);
    key.answer = NULL;
    CU_ASSERT_EQUAL(insert_with(1, &key), -ERROR_NO_MEMORY);
    CU_ASSERT_FALSE(is_there(1));
    check_user("a", 5, 0);
}

/* The task goes, its key stays. */
static void test_delete(void)
{
    use("a", 1, 5);
    write_now(STORE_FINISH, task_end(1, TASK_FAILED));
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_cancel(1, 0, NULL)), 0);
    check_user("a", 6, 1);
    CU_ASSERT_EQUAL(use("a", 2, 6), -ERROR_REPEATED);
}

static void test_large_answer(void)
{
    enum { SIZE = 100000 };
    struct key_record key = key_of("a", 1, 5), *got;
    char *answer = malloc(SIZE + 1);
    memset(answer, 'x', SIZE);
    answer[SIZE] = '\0';
    key.answer = answer;
    CU_ASSERT_EQUAL(insert_with(1, &key), 0);
    got = look_up_key("", "a", 5);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_STRING_EQUAL(got->answer, answer);
    key_record_free(got);
    free(answer);
}

/* ---- documents ---- */

static int put_with(const char *name, const struct key_record *key)
{
    struct write *write = write_document(STORE_PUT, "group", name, "1", 5);
    write->request.only_new = true;
    write->request.key = key;
    write_submit(write);
    return write_wait(write);
}

static bool has_document(const char *name)
{
    struct document *document = NULL;
    store_get_document(fixture.reader, "group", name, &document, NULL);
    document_free(document);
    return document != NULL;
}

static void test_documents(void)
{
    struct key_record a = key_of("a", 1, 5), again = key_of("a", 2, 6), b = key_of("b", 3, 6);
    CU_ASSERT_EQUAL(put_with("x", &a), 0);
    CU_ASSERT_EQUAL(put_with("y", &again), -ERROR_REPEATED);
    CU_ASSERT_FALSE(has_document("y"));
    CU_ASSERT_EQUAL(put_with("x", &b), -ERROR_CONFLICT);
    check_user("a", 6, 1);
    check_user("b", 6, 0);
    CU_ASSERT_EQUAL(use("a", 2, 6), -ERROR_REPEATED);
    CU_ASSERT_EQUAL(put_with("y", NULL), 0);
}

/* ---- a day later ---- */

static void test_expire(void)
{
    use("a", 1, 5);
    check_user("a", 5 + DAY - 1, 1);
    CU_ASSERT_EQUAL(use("a", 2, 5 + DAY - 1), -ERROR_REPEATED);
    check_user("a", 5 + DAY, 0);
    CU_ASSERT_EQUAL(use("a", 2, 5 + DAY), 0);
    check_user("a", 5 + DAY, 2);
    CU_ASSERT_EQUAL(use("a", 3, 5 + DAY + 1), -ERROR_REPEATED);
    CU_ASSERT_EQUAL(use("a", 3, 5 + 2 * DAY), 0);
    CU_ASSERT_TRUE(is_there(1) && is_there(2) && is_there(3));
}

/* The clock was put back: what was used in its future is kept. */
static void test_clock_back(void)
{
    use("a", 1, 10 * DAY);
    check_user("a", 5, 1);
    CU_ASSERT_EQUAL(use("a", 2, 5), -ERROR_REPEATED);
}

/* The first `n` keys "k0", "k1"… of the first hours: how many of them are still in the store. (What
 * is no longer kept is found by who looks at the time when it was.) */
static unsigned count_keys(unsigned n)
{
    unsigned n_found = 0;
    for (unsigned i = 0; i < n; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        struct key_record *record = look_up_key("", key, 1000);
        n_found += record != NULL;
        key_record_free(record);
    }
    return n_found;
}

static void tick(unsigned n, int64_t at_us)
{
    struct write *write = make_insert(n, NULL, at_us);
    write_submit(write);
    CU_ASSERT_EQUAL(write_wait(write), 0);
}

/* Any submission does it, a slice at a time: the next one soon, as long as there is more, and then
 * not for a minute. */
static void test_sweep(void)
{
    enum { N = 2 * KEY_SLICE + 50, FIRST = 1000 };
    int64_t later = FIRST + DAY + MINUTE;
    for (unsigned i = 0; i < N; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        CU_ASSERT_EQUAL(use(key, 1000 + i, FIRST), 0);
    }
    CU_ASSERT_EQUAL(use("young", 1, later - 1), 0);
    CU_ASSERT_EQUAL(count_keys(N), N - KEY_SLICE);
    tick(2, later);
    CU_ASSERT_EQUAL(count_keys(N), N - KEY_SLICE);
    tick(3, later + 20000);
    CU_ASSERT_EQUAL(count_keys(N), N - 2 * KEY_SLICE);
    tick(4, later + 40000);
    CU_ASSERT_EQUAL(count_keys(N), 0);
    check_user("young", later, 1);
}

static void test_sweep_each_minute(void)
{
    CU_ASSERT_EQUAL(use("k0", 1, 1000), 0);
    tick(2, 999 + DAY); /* too early */
    tick(3, 1000 + DAY);
    CU_ASSERT_EQUAL(count_keys(1), 1);
    tick(4, 999 + DAY + MINUTE);
    CU_ASSERT_EQUAL(count_keys(1), 0);
}

static void test_sweep_after_clock_back(void)
{
    tick(1, 100 * DAY);
    CU_ASSERT_EQUAL(use("k0", 2, 1000), 0); /* looks, as the time is an earlier one */
    tick(3, 1000 + DAY);
    CU_ASSERT_EQUAL(count_keys(1), 0);
}

/* Many, so that tables grow. */
static void test_many(void)
{
    enum { N = 1000 };
    char key[16];
    for (unsigned i = 0; i < N; i++) {
        snprintf(key, sizeof key, "k%u", i);
        CU_ASSERT_EQUAL(use(key, i + 1, 1000), 0);
    }
    for (unsigned i = 0; i < N; i++) {
        snprintf(key, sizeof key, "k%u", i);
        check_user(key, 1000, i + 1);
        CU_ASSERT_EQUAL(use(key, N + i + 1, 1000), -ERROR_REPEATED);
    }
}

CU_TestInfo tests_keys[] = {
    {"keep", test_keep},
    {"again", test_again},
    {"scopes", test_scopes},
    {"at once", test_at_once},
    {"conflict", test_conflict},
    {"no answer", test_no_answer},
    {"delete", test_delete},
    {"large answer", test_large_answer},
    {"documents", test_documents},
    {"expire", test_expire},
    {"clock back", test_clock_back},
    {"sweep", test_sweep},
    {"sweep each minute", test_sweep_each_minute},
    {"sweep after clock back", test_sweep_after_clock_back},
    {"many", test_many},
    CU_TEST_INFO_NULL,
};
