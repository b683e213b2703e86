/* The header Idempotency-Key. */
#include <stdio.h>
#include <string.h>

#include "server/idempotency.h"
#include "tests/suites.h"

static void accept(const char *header, const char *expected)
{
    char key[IDEMPOTENCY_KEY_MAX + 1];
    CU_ASSERT_TRUE_FATAL(idempotency_parse(header, key));
    CU_ASSERT_STRING_EQUAL(key, expected);
}

static void refuse(const char *header)
{
    char key[IDEMPOTENCY_KEY_MAX + 1];
    CU_ASSERT_FALSE(idempotency_parse(header, key));
}

static void test_plain(void)
{
    accept("a", "a");
    accept("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324");
    accept("a b \\ ~!", "a b \\ ~!");
    accept("a\"b\"", "a\"b\"");
    refuse("");
    refuse("a\tb");
    refuse("a\x7f");
    refuse("h\xc3\xa9");
    refuse("a\x01");
}

static void test_quoted(void)
{
    accept("\"a\"", "a");
    accept("\" a b \"", " a b ");
    accept("\"a\\\"b\\\\\"", "a\"b\\");
    refuse("\"");
    refuse("\"\"");
    refuse("\"a");
    refuse("\"a\\");
    refuse("\"a\\\"");
    refuse("\"a\\b\"");
    refuse("\"a\"b");
    refuse("\"a\";p=1");
    refuse("\"a\" ");
    refuse("\"h\xc3\xa9\"");
}

static void test_length(void)
{
    char header[IDEMPOTENCY_KEY_MAX + 4], longest[IDEMPOTENCY_KEY_MAX + 1];
    memset(longest, 'x', IDEMPOTENCY_KEY_MAX);
    longest[IDEMPOTENCY_KEY_MAX] = '\0';
    accept(longest, longest);
    sprintf(header, "%sx", longest);
    refuse(header);
    sprintf(header, "\"%s\"", longest);
    accept(header, longest);
    sprintf(header, "\"%sx\"", longest);
    refuse(header);
}

CU_TestInfo tests_idempotency[] = {
    {"plain", test_plain},
    {"quoted", test_quoted},
    {"length", test_length},
    CU_TEST_INFO_NULL,
};
