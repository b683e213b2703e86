#include "runtime/ops/subprocess_result.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "schema/utf8.h"

/* RFC 4648, section 4 */
static void write_base64(struct buffer *b, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buffer_char(b, '"');
    for (size_t i = 0; i < size; i += 3) {
        uint32_t n = (uint32_t)bytes[i] << 16 | (i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0) |
                     (i + 2 < size ? bytes[i + 2] : 0);
        buffer_char(b, digits[n >> 18]);
        buffer_char(b, digits[n >> 12 & 63]);
        buffer_char(b, i + 1 < size ? digits[n >> 6 & 63] : '=');
        buffer_char(b, i + 2 < size ? digits[n & 63] : '=');
    }
    buffer_char(b, '"');
}

static void write_stream(struct buffer *b, const char *name, const struct output *output)
{
    const char *bytes = output->bytes ? output->bytes : "";
    size_t size = output->size;
    if (output->dropped) /* the cut may have gone through a character */
        size = utf8_whole(bytes, size);
    if (utf8_is_valid(bytes, size)) {
        buffer_format(b, ",\"%s\":", name);
        buffer_json_string(b, bytes, size);
    } else {
        size = output->size;
        buffer_format(b, ",\"%s_base64\":", name);
        write_base64(b, (const unsigned char *)bytes, size);
    }
    if (output->dropped)
        buffer_format(b, ",\"%s_dropped\":%zu", name, output->dropped + output->size - size);
}

static void write_result(struct buffer *b, const struct process *process)
{
    buffer_format(b, "{\"returncode\":%d", process->exit_code);
    write_stream(b, "stdout", &process->out);
    write_stream(b, "stderr", &process->err);
    buffer_char(b, '}');
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
    buffer_format(&message, "[Errno %d] %s: ", process->error, strerror(process->error));
    exception_write_repr(&message, process->part == PROCESS_CWD ? process->cwd : process->argv[0]);
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
