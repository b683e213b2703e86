/* What a subprocess prints, while it runs: each line is one of the task's log, but for those that
 * say how far it is. All of it is kept for the result as well; so the log has a limit. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/line_splitter.h"
#include "runtime/ops/subprocess_frame.h"
#include "runtime/progress.h"

#define LIVE_LINES_MAX 10000
#define LIVE_BYTES_MAX (1 << 20)
#define FULL "it has printed more than 10000 lines or 1 MiB: the rest is in its result only"

struct live_output {
    struct subprocess_frame *frame;
    struct line_splitter out, err;
    size_t n_lines, n_bytes; /* logged */
    bool is_full;
};

static void take_line(struct live_output *live, const char *stream, const char *line, size_t size)
{
    struct frame *frame = &live->frame->base.base;
    struct job *job = frame_task(frame)->job;
    double fraction;
    const char *message;
    if (progress_parse(line, &fraction, &message)) {
        job_report_progress(job, fraction, message);
    } else if (live->is_full) {
        return;
    } else if (live->n_lines == LIVE_LINES_MAX || live->n_bytes + size > LIVE_BYTES_MAX) {
        live->is_full = true;
        job_say_at(job, "info", "awaitd", frame->node, FULL);
    } else {
        live->n_lines++;
        live->n_bytes += size;
        job_say_at(job, "info", stream, frame->node, line);
    }
}

static void take_out(void *context, const char *line, size_t size)
{
    take_line(context, "stdout", line, size);
}

static void take_err(void *context, const char *line, size_t size)
{
    take_line(context, "stderr", line, size);
}

void subprocess_printed(struct process *process, bool is_stderr, const char *bytes, size_t size)
{
    struct subprocess_frame *self = process->context;
    if (!self->live) {
        self->live = memory_new_zeroed(1, sizeof *self->live);
        self->live->frame = self;
    }
    line_splitter_add(is_stderr ? &self->live->err : &self->live->out, bytes, size,
                      is_stderr ? take_err : take_out, self->live);
}

void subprocess_end_lines(struct subprocess_frame *self)
{
    if (!self->live)
        return;
    line_splitter_end(&self->live->out, take_out, self->live);
    line_splitter_end(&self->live->err, take_err, self->live);
    subprocess_drop_lines(self);
}

void subprocess_drop_lines(struct subprocess_frame *self)
{
    if (!self->live)
        return;
    line_splitter_release(&self->live->out);
    line_splitter_release(&self->live->err);
    free(self->live);
    self->live = NULL;
}
