#include "runtime/ops/subprocess_result.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "schema/base64.h"
#include "schema/utf8.h"

static void write_bytes(struct buffer *b, const char *name, const char *part, const char *bytes,
                        size_t size)
{
    bool is_text = utf8_is_valid(bytes, size);
    buffer_format(b, ",\"%s%s%s\":", name, part, is_text ? "" : "_base64");
    if (is_text) {
        buffer_json_string(b, bytes, size);
    } else {
        buffer_char(b, '"');
        buffer_base64(b, bytes, size);
        buffer_char(b, '"');
    }
}

/* How many bytes at the beginning belong to a character that was cut in two. */
static size_t cut_off(const char *bytes, size_t size)
{
    size_t n = 0;
    while (n < size && n < 3 && ((unsigned char)bytes[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* Both cuts may have gone through a character; then its other bytes are dropped, too. */
static void write_ends(struct buffer *b, const char *name, const struct output *output)
{
    const char *tail = output->bytes + output->head;
    size_t head_size = utf8_whole(output->bytes, output->head);
    size_t tail_size = output->size - output->head, skipped = cut_off(tail, tail_size);
    if (!utf8_is_valid(output->bytes, head_size))
        head_size = output->head;
    if (!utf8_is_valid(tail + skipped, tail_size - skipped))
        skipped = 0;
    write_bytes(b, name, "", output->bytes, head_size);
    write_bytes(b, name, "_tail", tail + skipped, tail_size - skipped);
    buffer_format(b, ",\"%s_dropped\":%zu", name,
                  output->dropped + output->head - head_size + skipped);
}

static void write_stream(struct buffer *b, const char *name, const struct output *output)
{
    if (output->dropped)
        write_ends(b, name, output);
    else
        write_bytes(b, name, "", output->bytes ? output->bytes : "", output->size);
}

/* SIGKILL, SIGRTMIN+3. */
static void write_signal(struct buffer *b, int signal)
{
    const char *name = sigabbrev_np(signal);
    if (name)
        buffer_format(b, "SIG%s", name);
    else
        buffer_format(b, "SIGRTMIN+%d", signal - SIGRTMIN);
}

static void write_result(struct buffer *b, const struct process *process)
{
    buffer_format(b, "{\"returncode\":%d", process->exit_code);
    if (process->exit_code < 0) {
        buffer_text(b, ",\"signal\":\"");
        write_signal(b, -process->exit_code);
        buffer_char(b, '"');
    }
    write_stream(b, "stdout", &process->out);
    write_stream(b, "stderr", &process->err);
    buffer_char(b, '}');
}

/* What could not be had. */
static const char *subject(const struct process *process)
{
    switch (process->part) {
    case PROCESS_CWD:
        return process->cwd;
    case PROCESS_UID:
        return "uid";
    case PROCESS_NICE:
        return "nice";
    case PROCESS_MEMORY:
        return "memory";
    default:
        return process->argv[0];
    }
}

/* As Python's OSError: "[Errno 2] No such file or directory: 'name'". */
static struct value *not_started(const struct plan *plan, uint32_t node,
                                 const struct process *process)
{
    struct exception_parts parts = {.type = "OSError"};
    if (process->error == ENOENT)
        parts.type = "FileNotFoundError";
    else if (process->error == EACCES || process->error == EPERM)
        parts.type = "PermissionError";
    else if (process->error == ENOTDIR)
        parts.type = "NotADirectoryError";
    struct buffer message = {0};
    if (process->part == PROCESS_CRASH) {
        parts.type = CRASHED_ERROR;
        buffer_text(&message, CRASHED_MESSAGE);
    } else if (process->part == PROCESS_SPAWNER) {
        buffer_text(&message, "the process that starts programs is gone; start the server again");
    } else {
        buffer_format(&message, "[Errno %d] %s: ", process->error, strerror(process->error));
        exception_write_repr(&message, subject(process));
    }
    parts.message = message.bytes;
    struct value *error = exception_new(plan, node, &parts);
    buffer_release(&message);
    return error;
}

/* As Python's str(CalledProcessError). */
static void write_message(struct buffer *b, const struct process *process)
{
    buffer_format(b, "Command '%s", process->shell ? process->shell : "[");
    for (size_t i = 0; !process->shell && process->argv[i]; i++) {
        buffer_text(b, i ? ", " : "");
        exception_write_repr(b, process->argv[i]);
    }
    if (!process->shell)
        buffer_char(b, ']');
    int signal = -process->exit_code;
    const char *name = signal > 0 ? sigabbrev_np(signal) : NULL;
    if (name)
        buffer_format(b, "' died with <Signals.SIG%s: %d>.", name, signal);
    else if (signal > 0)
        buffer_format(b, "' died with unknown signal %d.", signal);
    else
        buffer_format(b, "' returned non-zero exit status %d.", process->exit_code);
}

struct value *subprocess_outcome(const struct plan *plan, uint32_t node,
                                 const struct process *process, bool check)
{
    if (process->error)
        return not_started(plan, node, process);
    struct buffer result = {0}, message = {0};
    struct value *outcome;
    write_result(&result, process);
    if (process->exit_code == 0 || !check) {
        outcome = memory_need(value_from_text(result.bytes, result.size));
    } else {
        write_message(&message, process);
        struct exception_parts parts = {
            .type = "CalledProcessError", .message = message.bytes, .details = result.bytes};
        outcome = exception_new(plan, node, &parts);
    }
    buffer_release(&result);
    buffer_release(&message);
    return outcome;
}
