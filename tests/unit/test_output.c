#include <stdlib.h>
#include <string.h>

#include "runtime/output.h"
#include "tests/suites.h"

/* What came in pieces of some sizes, against all of it at once. */
static void expect_ends(size_t limit, size_t total, size_t piece)
{
    char text[256];
    struct output output = {0};
    for (size_t i = 0; i < total; i++)
        text[i] = (char)(i * 7 + i / 64);
    for (size_t at = 0; at < total; at += piece)
        output_add(&output, text + at, piece < total - at ? piece : total - at, limit);
    output_finish(&output);
    output_finish(&output); /* nothing is left to do */
    size_t kept = total < limit ? total : limit;
    CU_ASSERT_EQUAL(output.size, kept);
    CU_ASSERT_EQUAL(output.dropped, total - kept);
    size_t head = output.dropped ? limit - limit / 2 : kept, tail = kept - head;
    CU_ASSERT_TRUE(!output.dropped || output.head == head);
    CU_ASSERT_TRUE(head == 0 || memcmp(output.bytes, text, head) == 0);
    CU_ASSERT_TRUE(tail == 0 || memcmp(output.bytes + head, text + total - tail, tail) == 0);
    CU_ASSERT_TRUE(output.capacity <= limit);
    free(output.bytes);
}

static void its_beginning_and_its_end_are_kept(void)
{
    for (size_t limit = 1; limit <= 20; limit++)
        for (size_t total = 0; total <= 64; total++)
            for (size_t piece = 1; piece <= 24; piece++)
                expect_ends(limit, total, piece);
}

CU_TestInfo tests_output[] = {
    {"its_beginning_and_its_end_are_kept", its_beginning_and_its_end_are_kept},
    CU_TEST_INFO_NULL,
};
