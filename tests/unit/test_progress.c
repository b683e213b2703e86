/* How far tasks are: lines that say it, the table, and what the runtime shows of a map. */
#include <math.h>
#include <string.h>

#include "runtime/progress.h"
#include "tests/unit/runtime_fixture.h"

extern CU_TestInfo tests_progress[];

static void check_line(const char *line, double expected, const char *rest)
{
    double fraction = NAN;
    const char *message = NULL;
    CU_ASSERT_TRUE(progress_parse(line, &fraction, &message));
    CU_ASSERT_EQUAL(fraction, expected);
    CU_ASSERT_STRING_EQUAL(message, rest);
}

static void lines_that_say_it(void)
{
    check_line("::progress 0.4 half of it", 0.4, "half of it");
    check_line("::progress 0", 0, "");
    check_line("::progress 1 ", 1, "");
    check_line("::progress .5  two", 0.5, " two");
}

static void lines_that_do_not(void)
{
    static const char *const others[] = {
        "",
        "::progress",
        "::progress ",
        "::progress half",
        "::progress -0.1 x",
        "::progress 1.1 x",
        "::progress 40% x",
        "::progress nan x",
        "::progress inf",
        "::progress  0.4",
        " ::progress 0.4",
        "::Progress 0.4",
        "::progress 0.4x",
    };
    double fraction;
    const char *message;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        CU_ASSERT_FALSE(progress_parse(others[i], &fraction, &message));
}

static struct id id_of(unsigned number)
{
    struct id id = {{0}};
    memcpy(id.bytes + 9, &number, sizeof number);
    return id;
}

static void the_table_keeps_what_was_said_last(void)
{
    struct progress_table table;
    struct progress progress;
    struct id a = id_of(1), b = id_of(2);
    CU_ASSERT_EQUAL_FATAL(progress_table_init(&table), 0);
    CU_ASSERT_FALSE(progress_get(&table, &a, &progress));
    progress_put(&table, &a, 0.25, NULL);
    CU_ASSERT_FALSE(progress_get(&table, &b, &progress));
    CU_ASSERT_TRUE(isnan(progress.fraction) && !progress.has_message);
    CU_ASSERT_TRUE(progress_get(&table, &a, &progress));
    CU_ASSERT_TRUE(progress.fraction == 0.25 && !progress.has_message);
    progress_put(&table, &a, NAN, "one");
    progress_put(&table, &a, 0.5, NULL);
    CU_ASSERT_TRUE(progress_get(&table, &a, &progress));
    CU_ASSERT_EQUAL(progress.fraction, 0.5);
    CU_ASSERT_STRING_EQUAL(progress.message, "one");
    progress_drop(&table, &b);
    progress_drop(&table, &a);
    CU_ASSERT_FALSE(progress_get(&table, &a, &progress));
    CU_ASSERT_EQUAL(table.n, 0);
    progress_table_release(&table);
}

static void the_table_grows(void)
{
    enum { N = 5000 };
    struct progress_table table;
    struct progress progress;
    CU_ASSERT_EQUAL_FATAL(progress_table_init(&table), 0);
    for (unsigned i = 0; i < N; i++) {
        struct id id = id_of(i);
        progress_put(&table, &id, i / (double)N, NULL);
    }
    for (unsigned i = 0; i < N; i++) {
        struct id id = id_of(i);
        CU_ASSERT_TRUE(progress_get(&table, &id, &progress));
        CU_ASSERT_EQUAL(progress.fraction, i / (double)N);
    }
    progress_table_release(&table);
}

/* Cut, but in no character. */
static void a_long_message_is_cut(void)
{
    struct progress_table table;
    struct progress progress;
    struct id id = id_of(1);
    char message[2 * PROGRESS_MESSAGE_MAX];
    memset(message, 'x', sizeof message);
    memcpy(message + PROGRESS_MESSAGE_MAX - 1, "\xc3\xb1", 2);
    message[sizeof message - 1] = '\0';
    CU_ASSERT_EQUAL_FATAL(progress_table_init(&table), 0);
    progress_put(&table, &id, 0, message);
    CU_ASSERT_TRUE(progress_get(&table, &id, &progress));
    CU_ASSERT_EQUAL(strlen(progress.message), PROGRESS_MESSAGE_MAX - 1);
    progress_table_release(&table);
}

/* The inner one does not count; and nothing is left when the job has ended. */
static void a_map_counts_its_items(void)
{
    struct fixture f = open_fixture(10);
    struct call call;
    struct progress progress = {.fraction = NAN};
    submit(&f, &call,
           "{\"op\":\"map\",\"items\":[0,0,3600,3600],\"body\":{\"op\":\"sequence\",\"steps\":["
           "{\"op\":\"sleep\",\"seconds\":\"${item}\"},"
           "{\"op\":\"map\",\"items\":[1,2,3],\"body\":{\"op\":\"value\",\"value\":1}}]}}",
           3600);
    for (int i = 0; i < 10000 && progress.fraction != 0.5; i++) {
        look(&f, &call.id, NULL);
        runtime_progress(f.runtime, &call.id, &progress);
    }
    CU_ASSERT_EQUAL(progress.fraction, 0.5);
    CU_ASSERT_EQUAL(cancel(&f, &call.id, NULL, NULL), 0);
    sem_wait(&call.over);
    look(&f, &call.id, NULL); /* it is told before it is forgotten */
    CU_ASSERT_FALSE(runtime_progress(f.runtime, &call.id, &progress));
    release_call(&call);
    close_fixture(&f);
}

CU_TestInfo tests_progress[] = {
    {"lines_that_say_it", lines_that_say_it},
    {"lines_that_do_not", lines_that_do_not},
    {"the_table_keeps_what_was_said_last", the_table_keeps_what_was_said_last},
    {"the_table_grows", the_table_grows},
    {"a_long_message_is_cut", a_long_message_is_cut},
    {"a_map_counts_its_items", a_map_counts_its_items},
    CU_TEST_INFO_NULL,
};
