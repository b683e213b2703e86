/* Bytes in pieces, and what reads make of them: in each case all pieces that there can be. */
#include <stdio.h>
#include <string.h>

#include "runtime/stream_reader.h"
#include "tests/suites.h"

extern CU_TestInfo tests_stream_reader[];

static struct stream_read until(const char *separator)
{
    return (struct stream_read){
        .kind = READ_UNTIL, .separator = separator, .separator_size = strlen(separator)};
}

static struct stream_read exactly(size_t n)
{
    return (struct stream_read){.kind = READ_EXACTLY, .n = n};
}

static const struct stream_read to_the_end = {.kind = READ_EOF};

static struct stream_reader new_reader(size_t limit)
{
    return (struct stream_reader){.limit = limit, .max = 1000};
}

/* The outcome, and what was taken or, of an overrun, where. */
static void takes(struct stream_reader *reader, struct stream_read read,
                  enum stream_outcome outcome, const char *taken)
{
    struct stream_bytes got;
    CU_ASSERT_EQUAL(stream_reader_take(reader, &read, &got), outcome);
    if (outcome == STREAM_READ || outcome == STREAM_INCOMPLETE) {
        CU_ASSERT_EQUAL(got.size, strlen(taken));
        CU_ASSERT_TRUE(got.size == strlen(taken) && memcmp(got.bytes, taken, got.size) == 0);
    }
}

static void overruns(struct stream_reader *reader, struct stream_read read,
                     enum stream_outcome outcome, size_t consumed)
{
    struct stream_bytes got;
    CU_ASSERT_EQUAL(stream_reader_take(reader, &read, &got), outcome);
    CU_ASSERT_EQUAL(got.size, consumed);
}

static void feed(struct stream_reader *reader, const char *text)
{
    stream_reader_feed(reader, text, strlen(text));
}

/* Bit i of `cuts`: a piece ends behind byte i. Asks again after each piece. */
static enum stream_outcome feed_in_pieces(struct stream_reader *reader, const char *text,
                                          unsigned cuts, struct stream_read read,
                                          struct stream_bytes *got)
{
    size_t from = 0, size = strlen(text);
    enum stream_outcome outcome = STREAM_WAITS;
    for (size_t i = 1; i <= size; i++) {
        if (i < size && !(cuts >> (i - 1) & 1))
            continue;
        stream_reader_feed(reader, text + from, i - from);
        from = i;
        if (outcome == STREAM_WAITS)
            outcome = stream_reader_take(reader, &read, got);
    }
    return outcome;
}

static void however_it_is_cut(const char *text, struct stream_read read, const char *expected,
                              const char *rest)
{
    for (unsigned cuts = 0; cuts < 1u << (strlen(text) - 1); cuts++) {
        struct stream_reader reader = new_reader(100);
        struct stream_bytes got = {0};
        char copy[40];
        CU_ASSERT_EQUAL_FATAL(feed_in_pieces(&reader, text, cuts, read, &got), STREAM_READ);
        CU_ASSERT_EQUAL_FATAL(got.size, strlen(expected));
        stream_reader_feed_eof(&reader);
        takes(&reader, to_the_end, STREAM_READ, rest);
        snprintf(copy, sizeof copy, "%s%s", expected, rest);
        CU_ASSERT_STRING_EQUAL(copy, text);
        stream_reader_release(&reader);
    }
}

static void a_separator_is_found_however_the_bytes_come(void)
{
    however_it_is_cut("ab\r\ncd\r\n", until("\r\n"), "ab\r\n", "cd\r\n");
    however_it_is_cut("\r\r\n", until("\r\n"), "\r\r\n", "");
    however_it_is_cut("aabaabaabcx", until("aabaabc"), "aabaabaabc", "x");
    however_it_is_cut("\n", until("\n"), "\n", "");
}

static void so_many_bytes_are_taken_however_they_come(void)
{
    however_it_is_cut("abcdefgh", exactly(5), "abcde", "fgh");
    however_it_is_cut("abcdefgh", exactly(8), "abcdefgh", "");
}

static void one_read_after_the_other(void)
{
    struct stream_reader reader = new_reader(100);
    feed(&reader, "one\ntwo\nthree");
    takes(&reader, until("\n"), STREAM_READ, "one\n");
    takes(&reader, exactly(2), STREAM_READ, "tw");
    takes(&reader, until("\n"), STREAM_READ, "o\n");
    takes(&reader, until("\n"), STREAM_WAITS, "");
    feed(&reader, "\n!");
    takes(&reader, until("\n"), STREAM_READ, "three\n");
    takes(&reader, exactly(0), STREAM_READ, "");
    takes(&reader, (struct stream_read){.kind = READ_NOTHING}, STREAM_READ, "");
    takes(&reader, exactly(2), STREAM_WAITS, "");
    stream_reader_feed_eof(&reader);
    takes(&reader, exactly(2), STREAM_INCOMPLETE, "!");
    takes(&reader, to_the_end, STREAM_READ, "");
    stream_reader_release(&reader);
}

/* What was taken does not pile up, and where the search stood is not taken along. */
static void many_reads_of_a_long_stream(void)
{
    struct stream_reader reader = new_reader(100);
    char line[16];
    for (int i = 0; i < 20000; i++) {
        snprintf(line, sizeof line, "%d;", i);
        feed(&reader, line);
        if (i % 3 == 0)
            continue;
        if (i % 3 == 1) {
            snprintf(line, sizeof line, "%d;", i - 1);
            takes(&reader, until(";"), STREAM_READ, line);
        }
        snprintf(line, sizeof line, "%d;", i);
        takes(&reader, until(";"), STREAM_READ, line);
    }
    CU_ASSERT_TRUE(reader.buffer.capacity < 1000);
    takes(&reader, until(";"), STREAM_WAITS, "");
    stream_reader_release(&reader);
}

static void an_end_that_comes_too_early(void)
{
    struct stream_reader reader = new_reader(100);
    feed(&reader, "abc");
    takes(&reader, until("\n"), STREAM_WAITS, "");
    stream_reader_feed_eof(&reader);
    takes(&reader, until("\n"), STREAM_INCOMPLETE, "abc");
    takes(&reader, until("\n"), STREAM_INCOMPLETE, "");
    takes(&reader, exactly(1), STREAM_INCOMPLETE, "");
    stream_reader_release(&reader);
}

static void a_separator_that_comes_with_the_end(void)
{
    struct stream_reader reader = new_reader(100);
    feed(&reader, "abc\n");
    stream_reader_feed_eof(&reader);
    takes(&reader, until("\n"), STREAM_READ, "abc\n");
    stream_reader_release(&reader);
}

static void the_limit_is_for_what_comes_before_the_separator(void)
{
    struct stream_reader reader = new_reader(4);
    feed(&reader, "abcd\n");
    takes(&reader, until("\n"), STREAM_READ, "abcd\n");
    feed(&reader, "abcde\n");
    overruns(&reader, until("\n"), STREAM_TOO_FAR, 5);
    overruns(&reader, until("\n"), STREAM_TOO_FAR, 5); /* it is still there */
    takes(&reader, exactly(6), STREAM_READ, "abcde\n");
    feed(&reader, "abcd");
    takes(&reader, until("\n"), STREAM_WAITS, "");
    feed(&reader, "e");
    overruns(&reader, until("\n"), STREAM_NOT_FOUND, 5);
    takes(&reader, exactly(5), STREAM_READ, "abcde");
    stream_reader_release(&reader);
}

/* CPython counts what cannot be the beginning of the separator. */
static void the_limit_and_a_long_separator(void)
{
    struct stream_reader reader = new_reader(4);
    feed(&reader, "abcdEN");
    takes(&reader, until("END"), STREAM_WAITS, "");
    feed(&reader, "x");
    overruns(&reader, until("END"), STREAM_NOT_FOUND, 5);
    stream_reader_release(&reader);
}

static void no_read_takes_more_than_there_may_be(void)
{
    static const char much[1200];
    struct stream_reader reader = new_reader(100);
    takes(&reader, exactly(1001), STREAM_TOO_LARGE, "");
    stream_reader_feed(&reader, much, 1000);
    takes(&reader, to_the_end, STREAM_WAITS, "");
    stream_reader_feed(&reader, much, 1);
    takes(&reader, to_the_end, STREAM_TOO_LARGE, "");
    stream_reader_release(&reader);
}

static void null_characters_are_like_others(void)
{
    struct stream_reader reader = new_reader(100);
    struct stream_bytes got;
    const struct stream_read read = {.kind = READ_UNTIL, .separator = "\0\n", .separator_size = 2};
    stream_reader_feed(&reader, "a\nb\0c\0\nd", 8);
    CU_ASSERT_EQUAL(stream_reader_take(&reader, &read, &got), STREAM_READ);
    CU_ASSERT_TRUE(got.size == 7 && memcmp(got.bytes, "a\nb\0c\0\n", 7) == 0);
    stream_reader_release(&reader);
}

CU_TestInfo tests_stream_reader[] = {
    {"a separator is found however the bytes come", a_separator_is_found_however_the_bytes_come},
    {"so many bytes are taken however they come", so_many_bytes_are_taken_however_they_come},
    {"one read after the other", one_read_after_the_other},
    {"many reads of a long stream", many_reads_of_a_long_stream},
    {"an end that comes too early", an_end_that_comes_too_early},
    {"a separator that comes with the end", a_separator_that_comes_with_the_end},
    {"the limit is for what comes before the separator",
     the_limit_is_for_what_comes_before_the_separator},
    {"the limit and a long separator", the_limit_and_a_long_separator},
    {"no read takes more than there may be", no_read_takes_more_than_there_may_be},
    {"null characters are like others", null_characters_are_like_others},
    CU_TEST_INFO_NULL,
};
