/* The header Idempotency-Key. */
#include <stdio.h>
#include <string.h>

#include "server/idempotency.h"
#include "tests/suites.h"

static void takes(const char *header, const char *expected)
{
    char key[IDEMPOTENCY_KEY_MAX + 1];
    CU_ASSERT_TRUE_FATAL(idempotency_parse(header, key));
    CU_ASSERT_STRING_EQUAL(key, expected);
}

static void refuses(const char *header)
{
    char key[IDEMPOTENCY_KEY_MAX + 1];
    CU_ASSERT_FALSE(idempotency_parse(header, key));
}

static void test_plain(void)
{
    takes("a", "a");
    takes("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324");
    takes("a b \\ ~!", "a b \\ ~!");
    takes("a\"b\"", "a\"b\"");
    refuses("");
    refuses("a\tb");
    refuses("a\x7f");
    refuses("h\xc3\xa9");
    refuses("a\x01");
}

static void test_quoted(void)
{
    takes("\"a\"", "a");
    takes("\" a b \"", " a b ");
    takes("\"a\\\"b\\\\\"", "a\"b\\");
    refuses("\"");
    refuses("\"\"");
    refuses("\"a");
    refuses("\"a\\");
    refuses("\"a\\\"");
    refuses("\"a\\b\"");
    refuses("\"a\"b");
    refuses("\"a\";p=1");
    refuses("\"a\" ");
    refuses("\"h\xc3\xa9\"");
}

static void test_length(void)
{
    char header[IDEMPOTENCY_KEY_MAX + 4], longest[IDEMPOTENCY_KEY_MAX + 1];
    memset(longest, 'x', IDEMPOTENCY_KEY_MAX);
    longest[IDEMPOTENCY_KEY_MAX] = '\0';
    takes(longest, longest);
    sprintf(header, "%sx", longest);
    refuses(header);
    sprintf(header, "\"%s\"", longest);
    takes(header, longest);
    sprintf(header, "\"%sx\"", longest);
    refuses(header);
}

CU_TestInfo tests_idempotency[] = {
    {"plain", test_plain},
    {"quoted", test_quoted},
    {"length", test_length},
    CU_TEST_INFO_NULL,
};
