/* stream: open_connection, then writing and reading, one exchange after the other; the connection
 * is closed when the node ends. On cancellation at once. */
#include "runtime/stream.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/ops/operation.h"

enum { UNTIL, EXACTLY, END };

static const struct field_shape read_fields[] = {
    [UNTIL] = {.name = "until", .type = FIELD_BYTES, .min = 1},
    [EXACTLY] = {.name = "exactly", .type = FIELD_INTEGER},
    [END] = {.name = "eof", .type = FIELD_BOOLEAN, .min = 1},
};
static const struct op_shape read_shape = {.name = "read",
                                           .fields = read_fields,
                                           .n_fields = 3,
                                           .one_of = 1u << UNTIL | 1u << EXACTLY | 1u << END};

/* The first ones are those of a step of `exchange` too. */
enum { SEND, WRITE_EOF, READ, N_STEP_FIELDS, EXCHANGE = N_STEP_FIELDS };
enum { HOST = EXCHANGE + 1, PORT, TLS, SERVER_HOSTNAME, LIMIT };

#define STEP_FIELDS                                                                                \
    [SEND] = {.name = "send", .type = FIELD_BYTES},                                                \
    [WRITE_EOF] = {.name = "write_eof", .type = FIELD_BOOLEAN},                                    \
    [READ] = {.name = "read", .type = FIELD_RECORD, .inner = &read_shape}

static const struct field_shape step_fields[] = {STEP_FIELDS};
static const struct op_shape step_shape = {
    .name = "exchange", .fields = step_fields, .n_fields = N_STEP_FIELDS};

static const struct field_shape fields[] = {
    STEP_FIELDS,
    [EXCHANGE] = {.name = "exchange", .type = FIELD_RECORDS, .min = 1, .inner = &step_shape},
    [HOST] = {.name = "host", .type = FIELD_TEXT, .required = true, .min = 1},
    [PORT] = {.name = "port", .type = FIELD_INTEGER, .required = true, .min = 1, .max = 65535},
    [TLS] = {.name = "tls", .type = FIELD_BOOLEAN},
    [SERVER_HOSTNAME] = {.name = "server_hostname", .type = FIELD_TEXT, .min = 1},
    [LIMIT] = {.name = "limit", .type = FIELD_INTEGER, .min = 1, .max = 16 << 20},
};

static struct stream_read read_of(const struct record *asked)
{
    if (record_has(asked, UNTIL)) {
        const struct text *separator = asked->arguments[UNTIL].text;
        return (struct stream_read){
            .kind = READ_UNTIL, .separator = separator->bytes, .separator_size = separator->size};
    }
    if (record_has(asked, EXACTLY))
        return (struct stream_read){.kind = READ_EXACTLY,
                                    .n = (size_t)asked->arguments[EXACTLY].integer};
    return (struct stream_read){.kind = READ_EOF};
}

static struct stream_step step_of(uint32_t present, const union argument *given)
{
    struct stream_step step = {0};
    if (present >> SEND & 1) {
        step.send = (char *)given[SEND].text->bytes;
        step.send_size = given[SEND].text->size;
    }
    step.writes_eof = present >> WRITE_EOF & 1 && given[WRITE_EOF].integer;
    if (present >> READ & 1)
        step.read = read_of(given[READ].record);
    return step;
}

static struct stream_request *new_request(struct task *task, struct frame *frame)
{
    const union argument *given = frame_arguments(task, frame);
    bool is_exchange = frame_has(task, frame, EXCHANGE);
    size_t n = is_exchange ? given[EXCHANGE].records->n : 1;
    size_t limit =
        frame_has(task, frame, LIMIT) ? (size_t)given[LIMIT].integer : STREAM_LIMIT_DEFAULT;
    struct stream_request *request = stream_new(given[HOST].text->bytes, (int)given[PORT].integer,
                                                n, limit, task->job->loop->max_result);
    request->is_exchange = is_exchange;
    request->is_tls = frame_has(task, frame, TLS) && given[TLS].integer;
    if (frame_has(task, frame, SERVER_HOSTNAME))
        request->server_hostname = memory_text(given[SERVER_HOSTNAME].text->bytes);
    for (size_t i = 0; i < n; i++) {
        const struct record *record = is_exchange ? given[EXCHANGE].records->items[i] : NULL;
        uint32_t present = frame_has(task, frame, SEND) << SEND |
                           frame_has(task, frame, WRITE_EOF) << WRITE_EOF |
                           frame_has(task, frame, READ) << READ;
        const struct stream_step step =
            record ? step_of(record->present, record->arguments) : step_of(present, given);
        stream_set_step(request, i, &step);
    }
    return request;
}

static struct action stream_start(struct task *task, struct frame *frame)
{
    return operation_begin(task, frame, &new_request(task, frame)->operation);
}

/* What stands in the steps of an exchange cannot stand beside it too. */
static bool stream_check(const struct services *services, const struct node *node,
                         struct node_complaint *complaint)
{
    (void)services;
    if (!node_has(node, EXCHANGE) || (!node_has(node, SEND) && !node_has(node, WRITE_EOF)))
        return true;
    complaint->field = node_has(node, SEND) ? SEND : WRITE_EOF;
    snprintf(complaint->text, sizeof complaint->text, "belongs into a step of 'exchange'");
    return false;
}

static void stream_show(struct task *task, struct frame *frame, struct buffer *out)
{
    const union argument *given = frame_arguments(task, frame);
    buffer_format(out, "a stream to %s, port %d", given[HOST].text->bytes,
                  (int)given[PORT].integer);
}

const struct op op_stream = {
    .shape = {.name = "stream",
              .fields = fields,
              .n_fields = sizeof fields / sizeof *fields,
              .one_of = 1u << READ | 1u << EXCHANGE,
              .frame_size = sizeof(struct operation_frame),
              .has_effects = true},
    .start = stream_start,
    .cancelled = operation_cancelled,
    .replayed = operation_replayed,
    .show = stream_show,
    .check = stream_check,
    .release = operation_release,
};
