/* Lines out of pieces. */
#include <stdlib.h>
#include <string.h>

#include "runtime/line_splitter.h"
#include "tests/suites.h"

extern CU_TestInfo tests_line_splitter[];

/* All lines, each in brackets. */
static void note(void *context, const char *line, size_t size)
{
    struct buffer *lines = context;
    CU_ASSERT_EQUAL(line[size], '\0');
    buffer_char(lines, '[');
    buffer_add(lines, line, size);
    buffer_char(lines, ']');
}

/* In pieces of every size the same comes of it. */
static void check(const char *text, size_t size, const char *expected)
{
    for (size_t piece = 1; piece <= size + 1; piece++) {
        struct line_splitter splitter = {0};
        struct buffer lines = {0};
        for (size_t at = 0; at < size; at += piece)
            line_splitter_add(&splitter, text + at, at + piece < size ? piece : size - at, note,
                              &lines);
        line_splitter_end(&splitter, note, &lines);
        CU_ASSERT_STRING_EQUAL(lines.bytes ? lines.bytes : "", expected);
        buffer_release(&lines);
    }
}

#define CHECK(text, expected) check(text, sizeof(text) - 1, expected)

static void lines_are_told_without_their_end(void)
{
    CHECK("", "");
    CHECK("one\n", "[one]");
    CHECK("one\ntwo\n\nfour\n", "[one][two][][four]");
    CHECK("\n", "[]");
    CHECK("dos\r\nbare\rreturn\r\n\r\n", "[dos][bare\rreturn][]");
}

static void the_last_line_needs_no_end(void)
{
    CHECK("one\ntwo", "[one][two]");
    CHECK("one", "[one]");
    CHECK("one\n ", "[one][ ]");
}

static void what_is_no_text_is_replaced(void)
{
    CHECK("caf\xe9\n", "[caf\xef\xbf\xbd]");
    CHECK("a\0b\n", "[a\xef\xbf\xbd"
                    "b]");
    CHECK("\xf0\x9f\x98\x80\n\xf0\x9f\x98\n",
          "[\xf0\x9f\x98\x80][\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd]");
}

/* "xxx…" and a two-byte character across the border of the first part. */
static void a_long_line_comes_in_parts(void)
{
    static char text[2 * LINE_BYTES_MAX + 100];
    memset(text, 'x', sizeof text);
    memcpy(text + LINE_BYTES_MAX - 1, "\xc3\xb1", 2);
    text[sizeof text - 1] = '\n';
    struct line_splitter splitter = {0};
    struct buffer lines = {0};
    line_splitter_add(&splitter, text, sizeof text, note, &lines);
    CU_ASSERT_EQUAL(lines.size, sizeof text - 1 + 3 * 2);
    CU_ASSERT_EQUAL(lines.bytes[LINE_BYTES_MAX], ']');
    CU_ASSERT_NSTRING_EQUAL(lines.bytes + LINE_BYTES_MAX + 1, "[\xc3\xb1", 3);
    CU_ASSERT_EQUAL(splitter.rest.size, 0);
    buffer_release(&lines);
    line_splitter_release(&splitter);
}

static void a_line_as_long_as_a_part_is_one(void)
{
    static char text[LINE_BYTES_MAX + 1];
    memset(text, 'x', sizeof text);
    text[LINE_BYTES_MAX] = '\n';
    struct line_splitter splitter = {0};
    struct buffer lines = {0};
    line_splitter_add(&splitter, text, sizeof text, note, &lines);
    line_splitter_add(&splitter, "xy\n", 3, note, &lines);
    CU_ASSERT_EQUAL(lines.size, LINE_BYTES_MAX + 2 + 4);
    CU_ASSERT_STRING_EQUAL(lines.bytes + LINE_BYTES_MAX + 1, "][xy]");
    buffer_release(&lines);
    line_splitter_release(&splitter);
}

/* It keeps no more than a part, whatever comes. */
static void without_an_end_little_is_kept(void)
{
    struct line_splitter splitter = {0};
    struct buffer lines = {0};
    char piece[1000];
    memset(piece, 0x80, sizeof piece);
    for (int i = 0; i < 1000; i++)
        line_splitter_add(&splitter, piece, sizeof piece, note, &lines);
    CU_ASSERT_TRUE(splitter.rest.size <= LINE_BYTES_MAX);
    CU_ASSERT_TRUE(splitter.rest.capacity <= 4 * LINE_BYTES_MAX);
    line_splitter_end(&splitter, note, &lines);
    CU_ASSERT_EQUAL(lines.size, 3 * 1000000 + 2 * (1000000 / LINE_BYTES_MAX + 1));
    buffer_release(&lines);
}

CU_TestInfo tests_line_splitter[] = {
    {"lines_are_told_without_their_end", lines_are_told_without_their_end},
    {"the_last_line_needs_no_end", the_last_line_needs_no_end},
    {"what_is_no_text_is_replaced", what_is_no_text_is_replaced},
    {"a_long_line_comes_in_parts", a_long_line_comes_in_parts},
    {"a_line_as_long_as_a_part_is_one", a_line_as_long_as_a_part_is_one},
    {"without_an_end_little_is_kept", without_an_end_little_is_kept},
    CU_TEST_INFO_NULL,
};
