/* What the server decides about texts from outside, before anything else: names, hosts, types,
 * queries, preferences. */
#include <stdlib.h>
#include <string.h>

#include "server/gate.h"
#include "server/query.h"
#include "tests/suites.h"

static void test_token(void)
{
    CU_ASSERT_TRUE(gate_is_token("X-Any_1.2~", 10));
    CU_ASSERT_FALSE(gate_is_token("", 0));
    CU_ASSERT_FALSE(gate_is_token("Content-Length ", 15));
    CU_ASSERT_FALSE(gate_is_token("a\0b", 3));
    CU_ASSERT_FALSE(gate_is_token("X/Y", 3));
    CU_ASSERT_FALSE(gate_is_token("\xc3\xa9", 2));
}

static void test_host(void)
{
    static const char *const ours[] = {"localhost",    "LOCALHOST:8080", "localhost.", "127.0.0.1",
                                       "127.1.2.3:80", "[::1]",          "[::1]:8080", "[0:0::1]"};
    static const char *const foreign[] = {"",
                                          "evil",
                                          "localhost.evil",
                                          "127.0.0.1.evil",
                                          "localhost@evil",
                                          "localhost:80@evil",
                                          "10.0.0.1",
                                          "0.0.0.0",
                                          "[::]",
                                          "[::1",
                                          "[::1]x",
                                          "::1",
                                          "127.1",
                                          "2130706433",
                                          "localhost:8o",
                                          ".",
                                          "local host"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        CU_ASSERT_TRUE(gate_host_is_allowed(ours[i], ""));
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        CU_ASSERT_FALSE(gate_host_is_allowed(foreign[i], ""));
        CU_ASSERT_TRUE(gate_host_is_allowed(foreign[i], "x,*"));
    }
    CU_ASSERT_TRUE(gate_host_is_allowed("Jobs.example:80", "a, jobs.example,b"));
    CU_ASSERT_TRUE(gate_host_is_allowed("b", "a,jobs.example,b"));
    CU_ASSERT_FALSE(gate_host_is_allowed("jobs", "a,jobs.example,b"));
    CU_ASSERT_FALSE(gate_host_is_allowed("jobs.example.evil", "jobs.example"));
    CU_ASSERT_FALSE(gate_host_is_allowed("", ",,"));
}

static void test_origin(void)
{
    CU_ASSERT_TRUE(gate_origin_is_own("http://localhost:8080", "localhost:8080"));
    CU_ASSERT_TRUE(gate_origin_is_own("https://Jobs.example", "jobs.example"));
    CU_ASSERT_FALSE(gate_origin_is_own("http://localhost:3000", "localhost:8080"));
    CU_ASSERT_FALSE(gate_origin_is_own("null", "localhost"));
    CU_ASSERT_FALSE(gate_origin_is_own("http://localhost", NULL));
    CU_ASSERT_FALSE(gate_origin_is_own("localhost", "localhost"));
}

static void test_type(void)
{
    CU_ASSERT_TRUE(gate_type_is_json("application/json"));
    CU_ASSERT_TRUE(gate_type_is_json("Application/JSON; charset=utf-8"));
    CU_ASSERT_TRUE(gate_type_is_json("application/json ;x=y"));
    CU_ASSERT_TRUE(gate_type_is_json("application/x-www-form-urlencoded"));
    CU_ASSERT_FALSE(gate_type_is_json(""));
    CU_ASSERT_FALSE(gate_type_is_json("text/plain; application/json"));
    CU_ASSERT_FALSE(gate_type_is_json("application/json-seq"));
    CU_ASSERT_FALSE(gate_type_is_json("application/json, text/plain"));
    CU_ASSERT_FALSE(gate_type_is_json("application/json text/plain"));
}

static int parse(const char *text, struct query *query, struct error *e, char **copy)
{
    *copy = strdup(text);
    return query_parse(query, *copy, e);
}

static void test_query(void)
{
    struct query query;
    struct error e;
    char *copy;
    CU_ASSERT_EQUAL(parse("name=a+b%20c&&label=k:%C3%A9=&empty&x=", &query, &e, &copy), 0);
    CU_ASSERT_EQUAL(query.n, 4);
    CU_ASSERT_STRING_EQUAL(query_get(&query, "name"), "a b c");
    CU_ASSERT_STRING_EQUAL(query_get(&query, "label"), "k:é=");
    CU_ASSERT_STRING_EQUAL(query_get(&query, "empty"), "");
    CU_ASSERT_STRING_EQUAL(query_get(&query, "x"), "");
    CU_ASSERT_PTR_NULL(query_get(&query, "y"));
    free(copy);
    CU_ASSERT_EQUAL(query_parse(&query, NULL, &e), 0);
    CU_ASSERT_EQUAL(query.n, 0);
}

static void test_bad_queries(void)
{
    static const char *const rows[][2] = {
        {"a=%", "'a' has a %"},
        {"a=%4", "'a' has a %"},
        {"a=%zz", "'a' has a %"},
        {"a=%00", "NUL"},
        {"a=%ff", "not UTF-8"},
        {"a=1&a=2", "'a' is given twice"},
        {"%00=1", "the name of a query parameter has a NUL"},
        {"a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", "more than 16"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct query query;
        struct error e = {0};
        char *copy;
        CU_ASSERT_EQUAL(parse(rows[i][0], &query, &e, &copy), -ERROR_INVALID);
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, rows[i][1]));
        free(copy);
    }
}

static void test_known_parameters(void)
{
    static const char *const known[] = {"limit", "state", NULL};
    struct query query = {.n = 1, .items = {{"limit", "1"}}};
    struct error e;
    CU_ASSERT_EQUAL(query_allow(&query, known, &e), 0);
    query.items[0].name = "limt";
    CU_ASSERT_EQUAL(query_allow(&query, known, &e), -ERROR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "did you mean 'limit'?"));
}

static void test_numbers(void)
{
    double seconds;
    int64_t number;
    CU_ASSERT_TRUE(parse_seconds("10", &seconds) && seconds == 10);
    CU_ASSERT_TRUE(parse_seconds("0.25", &seconds) && seconds == 0.25);
    CU_ASSERT_FALSE(parse_seconds("", &seconds));
    CU_ASSERT_FALSE(parse_seconds(".5", &seconds));
    CU_ASSERT_FALSE(parse_seconds("5.", &seconds));
    CU_ASSERT_FALSE(parse_seconds("-1", &seconds));
    CU_ASSERT_FALSE(parse_seconds("1e3", &seconds));
    CU_ASSERT_FALSE(parse_seconds("nan", &seconds));
    CU_ASSERT_TRUE(parse_integer("1000", 1, 1000, &number) && number == 1000);
    CU_ASSERT_FALSE(parse_integer("1001", 1, 1000, &number));
    CU_ASSERT_FALSE(parse_integer("0", 1, 1000, &number));
    CU_ASSERT_FALSE(parse_integer("+1", 1, 1000, &number));
    CU_ASSERT_FALSE(parse_integer("", 0, 1000, &number));
    CU_ASSERT_FALSE(parse_integer("18446744073709551617", 0, INT64_MAX, &number));
}

static void check_prefer(const char *header, const char *expected)
{
    const char *value = "";
    size_t size = 0;
    bool found = prefer_find_wait(header, &value, &size);
    CU_ASSERT_EQUAL(found, expected != NULL);
    if (found && expected)
        CU_ASSERT_TRUE(strlen(expected) == size && memcmp(value, expected, size) == 0);
}

static void test_prefer(void)
{
    check_prefer("wait=10", "10");
    check_prefer("respond-async, WAIT = 2.5 ; x=y", "2.5");
    check_prefer("wait=\"7\"", "7");
    check_prefer("foo=\"a, wait=3\", wait=4", "4");
    check_prefer("wait", "");
    check_prefer("wait=", "");
    check_prefer("", NULL);
    check_prefer("waiting=3, await=4", NULL);
    check_prefer("x; wait=3", NULL);
    check_prefer("a=\"unclosed, wait=3", NULL);
}

static void test_names(void)
{
    char cut[] = "a%2Eb%2";
    static const char *const good[] = {"a", "_", "Z9", "a.b-c_1", "main-2"};
    static const char *const bad[] = {"", "1", ".a", "-a", "a b", "a/b", "a+", "\303\261"};
    CU_ASSERT_FALSE(path_decode(cut));
    char segment[] = "a%2Eb+%C3%B1";
    CU_ASSERT_TRUE(path_decode(segment));
    CU_ASSERT_STRING_EQUAL(segment, "a.b+\303\261");
    char nul[] = "a%00", latin[] = "%E9";
    CU_ASSERT_FALSE(path_decode(nul));
    CU_ASSERT_FALSE(path_decode(latin));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CU_ASSERT_TRUE(name_is_good(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_FALSE(name_is_good(bad[i]));
    char length[102];
    memset(length, 'x', sizeof length);
    length[101] = '\0';
    CU_ASSERT_FALSE(name_is_good(length));
    CU_ASSERT_TRUE(name_is_good(length + 1));
}

static void test_etag(void)
{
    CU_ASSERT_TRUE(etag_matches("\"a\"", "\"a\""));
    CU_ASSERT_TRUE(etag_matches("*", "\"a\""));
    CU_ASSERT_TRUE(etag_matches("\"x\", W/\"a\" , \"y\"", "\"a\""));
    CU_ASSERT_FALSE(etag_matches("\"ab\"", "\"a\""));
    CU_ASSERT_FALSE(etag_matches("x\"a\"", "\"a\""));
    CU_ASSERT_FALSE(etag_matches("a", "\"a\""));
    CU_ASSERT_FALSE(etag_matches("", "\"a\""));
}

CU_TestInfo tests_gate[] = {
    {"token", test_token},
    {"host", test_host},
    {"origin", test_origin},
    {"type", test_type},
    {"query", test_query},
    {"bad queries", test_bad_queries},
    {"known parameters", test_known_parameters},
    {"numbers", test_numbers},
    {"prefer", test_prefer},
    {"names", test_names},
    {"etag", test_etag},
    CU_TEST_INFO_NULL,
};
