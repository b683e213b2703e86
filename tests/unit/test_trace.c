#include <string.h>

#include "runtime/trace.h"
#include "tests/suites.h"

static const struct trace_entry samples[] = {
    {0, TASK_RUNNING, 1, 0, 0, NULL, 0},
    {1, TASK_SUCCEEDED, 1, 5, 127, "null", 4},
    {2, TASK_FAILED, 3, 128, 16384, "{\"type\":\"E\"}", 12},
    {400, TASK_CANCELLED, UINT32_MAX, INT64_MAX, INT64_MAX, "", 0},
    {UINT32_MAX, TASK_SUCCEEDED, 0, 1, 0, "[1,2]", 5},
};
#define N_SAMPLES (sizeof samples / sizeof *samples)

static struct buffer write_samples(void)
{
    struct buffer out = {0};
    struct trace_writer w = {.out = &out};
    for (size_t i = 0; i < N_SAMPLES; i++)
        trace_write(&w, &samples[i]);
    return out;
}

static struct trace_reader reader_of(const struct buffer *b, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)b->bytes;
    return (struct trace_reader){.at = bytes, .end = bytes + size};
}

static void test_round_trip(void)
{
    struct buffer out = write_samples();
    struct trace_reader r = reader_of(&out, out.size);
    struct trace_entry entry;
    for (size_t i = 0; i < N_SAMPLES; i++) {
        CU_ASSERT_TRUE_FATAL(trace_read(&r, &entry));
        CU_ASSERT_EQUAL(entry.node, samples[i].node);
        CU_ASSERT_EQUAL(entry.state, samples[i].state);
        CU_ASSERT_EQUAL(entry.n_runs, samples[i].n_runs);
        CU_ASSERT_EQUAL(entry.started_us, samples[i].started_us);
        CU_ASSERT_EQUAL(entry.took_us, samples[i].took_us);
        CU_ASSERT_EQUAL_FATAL(entry.outcome_size, samples[i].outcome_size);
        CU_ASSERT_TRUE(!entry.outcome_size ||
                       memcmp(entry.outcome, samples[i].outcome, entry.outcome_size) == 0);
    }
    CU_ASSERT_FALSE(trace_read(&r, &entry));
    buffer_release(&out);
}

/* A clock that stepped back, or a job's start that was noted late. */
static void test_negative_times_are_zero(void)
{
    struct buffer out = {0};
    struct trace_writer w = {.out = &out};
    struct trace_entry entry = {7, TASK_SUCCEEDED, 1, -5, INT64_MIN, NULL, 0};
    trace_write(&w, &entry);
    struct trace_reader r = reader_of(&out, out.size);
    CU_ASSERT_TRUE(trace_read(&r, &entry));
    CU_ASSERT_EQUAL(entry.started_us, 0);
    CU_ASSERT_EQUAL(entry.took_us, 0);
    buffer_release(&out);
}

/* Cut anywhere it ends early, and reads nothing beyond its end (ASan looks). */
static void test_cut(void)
{
    struct buffer out = write_samples();
    for (size_t size = 0; size < out.size; size++) {
        struct buffer cut = {0};
        struct trace_entry entry;
        size_t n = 0;
        buffer_add(&cut, out.bytes, size);
        struct trace_reader r = reader_of(&cut, size);
        while (trace_read(&r, &entry))
            n++;
        CU_ASSERT_TRUE(n < N_SAMPLES);
        buffer_release(&cut);
    }
    buffer_release(&out);
}

/* Any single byte changed: it may say something else, but it ends, within its bounds. */
static void test_damaged(void)
{
    struct buffer out = write_samples();
    for (size_t i = 0; i < out.size; i++)
        for (int byte = 0; byte < 256; byte++) {
            char before = out.bytes[i];
            struct trace_reader r = reader_of(&out, out.size);
            struct trace_entry entry;
            size_t n = 0;
            out.bytes[i] = (char)byte;
            while (trace_read(&r, &entry)) {
                CU_ASSERT_TRUE(entry.state > TASK_PENDING && entry.state < TASK_STATES);
                CU_ASSERT_TRUE(r.at <= r.end);
                n++;
            }
            CU_ASSERT_TRUE(n <= out.size);
            out.bytes[i] = before;
        }
    buffer_release(&out);
}

CU_TestInfo tests_trace[] = {
    {"round trip", test_round_trip},
    {"negative times are zero", test_negative_times_are_zero},
    {"cut", test_cut},
    {"damaged", test_damaged},
    CU_TEST_INFO_NULL,
};
