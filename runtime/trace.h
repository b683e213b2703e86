/* The trace of a job: what became of each node of its tree, as a compact byte string. The loop
 * writes it (for a live view, or when the job ends); any thread reads it beside the plan. [any]
 *
 * One entry for each node that has started, in the order of the nodes:
 *   varint: node index, relative to the previous entry's; byte: state; varint: times it was
 * started; varint: started, microseconds after the job's start; varint: microseconds that it took
 * (ended only); varint: length of the outcome's JSON text, then the text. Outcomes are those of
 * leaves, and errors at the node that raised them; elsewhere the length is 0. */
#ifndef AWAITD_RUNTIME_TRACE_H
#define AWAITD_RUNTIME_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/store/record.h"
#include "schema/buffer.h"

struct trace_entry {
    uint32_t node;
    enum task_state state; /* RUNNING, SUCCEEDED, FAILED or CANCELLED */
    uint32_t n_runs;
    int64_t started_us; /* after the job's start */
    int64_t took_us;
    const char *outcome; /* JSON: the result, or the error when failed or cancelled */
    size_t outcome_size;
};

struct trace_writer {
    struct buffer *out;
    uint32_t last; /* the node of the entry before; start with 0 */
};
void trace_write(struct trace_writer *w, const struct trace_entry *entry);

struct trace_reader {
    const unsigned char *at, *end;
    uint32_t last; /* start with 0 */
};
/* The next entry, borrowing its outcome from the trace; false at the end, or where it is damaged.
 */
bool trace_read(struct trace_reader *r, struct trace_entry *entry);

#endif
