/* UTF-8, where it is easy to be wrong. */
#include <string.h>

#include "schema/utf8.h"
#include "tests/suites.h"

extern CU_TestInfo tests_utf8[];

static size_t character(const char *text)
{
    return utf8_character(text, strlen(text));
}

static void characters_have_their_length(void)
{
    CU_ASSERT_EQUAL(character("a"), 1);
    CU_ASSERT_EQUAL(character("\xc3\xb1"), 2);
    CU_ASSERT_EQUAL(character("\xe2\x82\xac"), 3);
    CU_ASSERT_EQUAL(character("\xf0\x9f\x98\x80"), 4);
    CU_ASSERT_EQUAL(character("\xf4\x8f\xbf\xbf"), 4); /* U+10FFFF */
    CU_ASSERT_EQUAL(utf8_character("", 0), 0);
    CU_ASSERT_EQUAL(utf8_character("\0", 1), 1);
}

static void what_is_no_character_is_none(void)
{
    static const char *const bad[] = {
        "\x80",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf", /* overlong */
        "\xed\xa0\x80", /* a surrogate */
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff", /* too large */
        "\xc3",
        "\xe2\x82",
        "\xf0\x9f\x98", /* cut off */
        "\xc3(",
        "\xe2(\xac",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(character(bad[i]), 0);
        CU_ASSERT_FALSE(utf8_is_valid(bad[i], strlen(bad[i])));
    }
}

static void a_cut_goes_before_the_character(void)
{
    const char *text = "ab\xe2\x82\xac";
    CU_ASSERT_EQUAL(utf8_whole(text, 5), 5);
    CU_ASSERT_EQUAL(utf8_whole(text, 4), 2);
    CU_ASSERT_EQUAL(utf8_whole(text, 3), 2);
    CU_ASSERT_EQUAL(utf8_whole(text, 2), 2);
    CU_ASSERT_EQUAL(utf8_whole(text, 0), 0);
}

static void what_is_none_is_mended(void)
{
    char good[] = "a\xc3\xa9", bad[] = "\xff"
                                       "a\xe2\x82\xac\xe2\x82";
    utf8_mend(good, strlen(good));
    utf8_mend(bad, strlen(bad));
    CU_ASSERT_STRING_EQUAL(good, "a\xc3\xa9");
    CU_ASSERT_STRING_EQUAL(bad, "?a\xe2\x82\xac??");
}

CU_TestInfo tests_utf8[] = {
    {"characters_have_their_length", characters_have_their_length},
    {"what_is_no_character_is_none", what_is_no_character_is_none},
    {"a_cut_goes_before_the_character", a_cut_goes_before_the_character},
    {"what_is_none_is_mended", what_is_none_is_mended},
    CU_TEST_INFO_NULL,
};
