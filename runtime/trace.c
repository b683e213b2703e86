#include "runtime/trace.h"

#include "runtime/base/varint.h"

/* Clocks step back; a trace does not. */
static uint64_t at_least_zero(int64_t us)
{
    return us > 0 ? (uint64_t)us : 0;
}

void trace_write(struct trace_writer *w, const struct trace_entry *entry)
{
    varint_write(w->out, entry->node - w->last);
    buffer_char(w->out, (char)entry->state);
    varint_write(w->out, entry->n_runs);
    varint_write(w->out, at_least_zero(entry->started_us));
    if (task_state_is_final(entry->state))
        varint_write(w->out, at_least_zero(entry->took_us));
    varint_write(w->out, entry->outcome_size);
    if (entry->outcome_size > 0)
        buffer_add(w->out, entry->outcome, entry->outcome_size);
    w->last = entry->node;
}

static bool small_read(struct trace_reader *r, uint64_t max, uint64_t *number)
{
    return varint_read(&r->at, r->end, number) && *number <= max;
}

bool trace_read(struct trace_reader *r, struct trace_entry *entry)
{
    uint64_t step, runs, started, took = 0, size;
    if (!small_read(r, UINT32_MAX - r->last, &step) || r->at == r->end)
        return false;
    unsigned char state = *r->at++;
    if (state < TASK_RUNNING || state >= TASK_STATES || !small_read(r, UINT32_MAX, &runs) ||
        !small_read(r, INT64_MAX, &started))
        return false;
    if (task_state_is_final(state) && !small_read(r, INT64_MAX, &took))
        return false;
    if (!varint_read(&r->at, r->end, &size) || size > (uint64_t)(r->end - r->at))
        return false;
    r->last += (uint32_t)step;
    *entry = (struct trace_entry){.node = r->last,
                                  .state = state,
                                  .n_runs = (uint32_t)runs,
                                  .started_us = (int64_t)started,
                                  .took_us = (int64_t)took,
                                  .outcome = (const char *)r->at,
                                  .outcome_size = size};
    r->at += size;
    return true;
}
