#include <stdlib.h>
#include <string.h>

#include "schema/base64.h"
#include "tests/suites.h"

extern CU_TestInfo tests_base64[];

static void is(const char *text, size_t size, const char *digits)
{
    struct buffer b = {0};
    char out[16];
    size_t n;
    buffer_base64(&b, text, size);
    CU_ASSERT_STRING_EQUAL(b.bytes, digits);
    CU_ASSERT_TRUE(base64_decode(digits, strlen(digits), out, &n));
    CU_ASSERT_TRUE(n == size && memcmp(out, text, size) == 0);
    buffer_release(&b);
}

/* RFC 4648, section 10, and bytes of all kinds. */
static void known_texts(void)
{
    is("", 0, "");
    is("f", 1, "Zg==");
    is("fo", 2, "Zm8=");
    is("foo", 3, "Zm9v");
    is("foob", 4, "Zm9vYg==");
    is("fooba", 5, "Zm9vYmE=");
    is("foobar", 6, "Zm9vYmFy");
    is("\0\xff\x80", 3, "AP+A");
    is("\xfb\xff\xbf\xff", 4, "+/+//w==");
}

static void all_bytes_at_all_places(void)
{
    unsigned char bytes[256 + 2], out[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct buffer b = {0};
        size_t n;
        buffer_base64(&b, bytes, size);
        CU_ASSERT_TRUE(base64_decode(b.bytes, b.size, out, &n) && n == size);
        CU_ASSERT_TRUE(n <= base64_decoded_max(b.size) && memcmp(out, bytes, size) == 0);
        buffer_release(&b);
    }
}

static void what_is_no_base64_is_refused(void)
{
    static const char *const bad[] = {"Z",
                                      "Zg",
                                      "Zg=",
                                      "Zm8",
                                      "Zm9v=",
                                      "=",
                                      "====",
                                      "Z===",
                                      "Zg=a",
                                      "Zg==Zg==",
                                      "Zm 9v",
                                      "Zm9-",
                                      "Zm9_",
                                      "Zh==",
                                      "Zm9=",
                                      "Zm\n8",
                                      "Zg==\n",
                                      "Zm9v\xc3"
                                      "\xb1"
                                      "aa"};
    char out[16];
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_FALSE(base64_decode(bad[i], strlen(bad[i]), out, &n));
    CU_ASSERT_FALSE(base64_decode("Zm\0v", 4, out, &n));
}

/* ---- for URLs ---- */

static void is_for_urls(const char *text, size_t size, const char *digits)
{
    struct buffer b = {0};
    char out[16];
    size_t n;
    buffer_text(&b, "");
    buffer_base64url(&b, text, size);
    CU_ASSERT_STRING_EQUAL(b.bytes, digits);
    CU_ASSERT_TRUE(base64url_decode(digits, out, &n));
    CU_ASSERT_TRUE(n == size && memcmp(out, text, size) == 0);
    buffer_release(&b);
}

static void known_texts_for_urls(void)
{
    is_for_urls("", 0, "");
    is_for_urls("f", 1, "Zg");
    is_for_urls("fo", 2, "Zm8");
    is_for_urls("foo", 3, "Zm9v");
    is_for_urls("foob", 4, "Zm9vYg");
    is_for_urls("\xfb\xff\xbf\xff", 4, "-_-__w");
}

static void what_is_none_for_urls_is_refused(void)
{
    static const char *const bad[] = {
        "Z", "Zh", "Zm9", "Zg==", "Zm8=", "Zm9v=", "Zm9+", "Zm9/", "Zm 9v", "Zg\n", "Zm9v\xc3\xb1"};
    char out[16];
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_FALSE(base64url_decode(bad[i], out, &n));
}

CU_TestInfo tests_base64[] = {
    {"known texts", known_texts},
    {"all bytes at all places", all_bytes_at_all_places},
    {"what is no base64 is refused", what_is_no_base64_is_refused},
    {"known texts for URLs", known_texts_for_urls},
    {"what is none for URLs is refused", what_is_none_for_urls_is_refused},
    CU_TEST_INFO_NULL,
};
