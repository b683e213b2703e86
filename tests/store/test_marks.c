/* Marks of what a process may die of: who comes after it finds them. SQLite, and memory has none.
 */
#include <string.h>
#include <unistd.h>

#include "tests/store/fixture.h"

static struct crash_mark mark_of(unsigned n)
{
    struct crash_mark mark = {.task = id_of(n), .number = n, .node = n + 1, .depth = n + 2};
    strcpy(mark.what, "work");
    return mark;
}

static size_t count_last(void)
{
    size_t n;
    marks_last(store_marks(fixture.store), &n);
    return n;
}

static void check_last(size_t i, unsigned n)
{
    size_t n_last;
    const struct crash_mark expected = mark_of(n),
                            *last = marks_last(store_marks(fixture.store), &n_last);
    CU_ASSERT_TRUE_FATAL(i < n_last);
    CU_ASSERT_EQUAL(memcmp(&last[i], &expected, sizeof expected), 0);
}

static void reopen(void)
{
    fixture_close();
    fixture_open();
}

static void test_what_is_marked_at_the_end(void)
{
    CU_ASSERT_EQUAL(count_last(), 0);
    for (unsigned n = 1; n <= 3; n++)
        marks_set(store_marks(fixture.store), n * 7, &(struct crash_mark){.task = id_of(9)});
    for (unsigned n = 1; n <= 3; n++) {
        struct crash_mark mark = mark_of(n);
        marks_set(store_marks(fixture.store), n * 7, &mark);
    }
    marks_set(store_marks(fixture.store), 14, NULL);
    CU_ASSERT_EQUAL(count_last(), 0);
    reopen();
    CU_ASSERT_EQUAL(count_last(), 2);
    check_last(0, 1);
    check_last(1, 3);
}

/* Not before somebody has seen to them. */
static void test_forgotten(void)
{
    struct crash_mark mark = mark_of(1);
    marks_set(store_marks(fixture.store), MARKS_MAX - 1, &mark);
    reopen();
    reopen();
    check_last(0, 1);
    marks_forget(store_marks(fixture.store));
    check_last(0, 1);
    reopen();
    CU_ASSERT_EQUAL(count_last(), 0);
}

/* Functions that nobody can stop go on while all else ends. */
static void test_they_outlive_the_store(void)
{
    struct crash_mark mark = mark_of(1);
    struct marks *marks = marks_ref(store_marks(fixture.store));
    reopen();
    marks_set(marks, 0, &mark);
    marks_unref(marks);
    reopen();
    check_last(0, 1);
}

/* The file says first of all who has the database. */
static void test_the_pid_is_not_touched(void)
{
    char name[120], text[40] = "", expected[40];
    struct crash_mark mark = mark_of(1);
    marks_set(store_marks(fixture.store), 0, &mark);
    snprintf(name, sizeof name, "%s.lock", fixture.path);
    snprintf(expected, sizeof expected, "%ld", (long)getpid());
    FILE *file = fopen(name, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_PTR_NOT_NULL(fgets(text, sizeof text, file));
    CU_ASSERT_EQUAL(strspn(text, "0123456789"), strlen(expected));
    CU_ASSERT_EQUAL(strncmp(text, expected, strlen(expected)), 0);
    fclose(file);
}

static void test_nobody_comes_after_memory(void)
{
    struct store *store;
    struct error e;
    size_t n;
    CU_ASSERT_EQUAL_FATAL(store_open(&store, ":memory:", &e), 0);
    CU_ASSERT_PTR_NULL(store_marks(store));
    marks_last(store_marks(store), &n);
    CU_ASSERT_EQUAL(n, 0);
    marks_forget(store_marks(store));
    marks_unref(marks_ref(store_marks(store)));
    store_close(store);
}

CU_TestInfo tests_marks[] = {
    {"what is marked at the end", test_what_is_marked_at_the_end},
    {"forgotten", test_forgotten},
    {"they outlive the store", test_they_outlive_the_store},
    {"the pid is not touched", test_the_pid_is_not_touched},
    {"nobody comes after memory", test_nobody_comes_after_memory},
    CU_TEST_INFO_NULL,
};
