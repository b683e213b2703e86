/* What a subprocess prints, while it runs: each line is one of the task's log, but for those that
 * say how far it is. All of it is kept for the result as well; so the log has a limit. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/line_splitter.h"
#include "runtime/ops/subprocess_frame.h"
#include "runtime/progress.h"

#define LIVE_LINES_MAX 10000
#define LIVE_BYTES_MAX (1 << 20)
#define FULL "it has printed more than 10000 lines or 1 MiB: the rest is in its result only"

struct live_output {
    struct subprocess_frame *frame;
    struct line_splitter out, err;
    struct buffer path;      /* the node's */
    size_t n_lines, n_bytes; /* logged */
    bool is_full;            /* nothing more is */
};

static void say(struct live_output *live, const char *stream, const char *line)
{
    struct job *job = frame_task(&live->frame->base.base)->job;
    journal_printed(job, 1);
    job_say(job, "info", stream, live->path.bytes, line);
}

static void take_line(struct live_output *live, const char *stream, const char *line, size_t size)
{
    struct job *job = frame_task(&live->frame->base.base)->job;
    double fraction;
    const char *message;
    if (progress_parse(line, &fraction, &message)) {
        job_report_progress(job, fraction, message);
    } else if (live->is_full) {
        return;
    } else if (live->n_lines == LIVE_LINES_MAX || live->n_bytes + size > LIVE_BYTES_MAX) {
        live->is_full = true;
        say(live, "awaitd", FULL);
    } else {
        live->n_lines++;
        live->n_bytes += size;
        say(live, stream, line);
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

static struct live_output *new_live(struct subprocess_frame *self)
{
    struct live_output *live = memory_new_zeroed(1, sizeof *live);
    struct job *job = frame_task(&self->base.base)->job;
    live->frame = self;
    buffer_add(&live->path, "", 0);
    plan_path(job->plan, self->base.base.node, &live->path);
    memory_need(live->path.failed ? NULL : live);
    return live;
}

/* Of a flood whose lines are not logged any more, those in the middle are passed over, unless one
 * of them says how far it is: how many of the bytes, behind the end of the first line. */
static size_t count_idle(const char *bytes, size_t size)
{
    static const char mark[] = "\n::progress ";
    const char *last = memrchr(bytes, '\n', size);
    size_t idle = last ? (size_t)(last - bytes) : 0;
    return idle && !memmem(bytes, idle, mark, sizeof mark - 1) ? idle : 0;
}

void subprocess_printed(struct process *process, bool is_stderr, const char *bytes, size_t size)
{
    struct subprocess_frame *self = process->context;
    if (!self->live)
        self->live = new_live(self);
    struct live_output *live = self->live;
    struct line_splitter *splitter = is_stderr ? &live->err : &live->out;
    line_cb take = is_stderr ? take_err : take_out;
    const char *end = live->is_full ? memchr(bytes, '\n', size) : NULL;
    if (end) {
        line_splitter_add(splitter, bytes, (size_t)(end - bytes), take, live);
        size -= (size_t)(end - bytes);
        size_t idle = count_idle(end, size);
        bytes = end + idle;
        size -= idle;
    }
    line_splitter_add(splitter, bytes, size, take, live);
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
    buffer_release(&self->live->path);
    free(self->live);
    self->live = NULL;
}
