#include "runtime/stream.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "schema/base64.h"
#include "schema/utf8.h"

/* ---- as JSON ---- */

/* A string when it is UTF-8, else {"base64": …}. */
static void write_bytes(struct buffer *b, const char *bytes, size_t size)
{
    if (utf8_is_valid(bytes, size)) {
        buffer_json_string(b, bytes, size);
        return;
    }
    buffer_text(b, "{\"base64\":\"");
    buffer_base64(b, bytes, size);
    buffer_text(b, "\"}");
}

static void show_step(const struct stream_step *step, struct buffer *out)
{
    const struct stream_read *read = &step->read;
    if (step->send) {
        buffer_text(out, " send ");
        write_bytes(out, step->send, step->send_size);
    }
    buffer_text(out, step->writes_eof ? " write_eof" : "");
    if (read->kind == READ_UNTIL) {
        buffer_text(out, " until ");
        write_bytes(out, read->separator, read->separator_size);
    } else if (read->kind == READ_EXACTLY) {
        buffer_format(out, " exactly %zu", read->n);
    } else {
        buffer_text(out, read->kind == READ_EOF ? " eof" : "");
    }
    buffer_char(out, ';');
}

static void stream_show(const struct operation *operation, struct buffer *out)
{
    const struct stream_request *request = (const struct stream_request *)operation;
    buffer_text(out, request->is_tls ? "tls " : "");
    buffer_json_string(out, request->host, strlen(request->host));
    buffer_format(out, " %d limit %zu", request->port, request->reader.limit);
    if (request->server_hostname) {
        buffer_text(out, " server_hostname ");
        buffer_json_string(out, request->server_hostname, strlen(request->server_hostname));
    }
    buffer_text(out, request->is_exchange ? " exchange" : "");
    for (size_t i = 0; i < request->n_steps; i++)
        show_step(&request->steps[i], out);
}

/* ---- life ---- */

static void stream_free(struct operation *operation)
{
    struct stream_request *request = stream_of(operation);
    for (size_t i = 0; i < request->n_steps; i++) {
        free(request->steps[i].send);
        free((char *)request->steps[i].read.separator);
    }
    free(request->steps);
    free(request->host);
    free(request->server_hostname);
    stream_reader_release(&request->reader);
    buffer_release(&request->out);
    buffer_release(&request->result);
    free(request);
}

struct stream_request *stream_new(const char *host, int port, size_t n_steps, size_t limit,
                                  size_t max_result)
{
    struct stream_request *request = memory_new(sizeof *request);
    *request = (struct stream_request){
        .operation = {.kind = OPERATION_TALK, .free = stream_free, .show = stream_show},
        .host = memory_text(host),
        .port = port,
        .n_steps = n_steps,
        .steps = memory_new_zeroed(n_steps + 1, sizeof *request->steps),
        .reader = {.limit = limit, .max = max_result}};
    return request;
}

static char *copy(const char *bytes, size_t size)
{
    char *copied = bytes ? memory_new(size + 1) : NULL;
    return copied ? memcpy(copied, bytes, size) : NULL;
}

void stream_set_step(struct stream_request *request, size_t i, const struct stream_step *step)
{
    struct stream_step *own = &request->steps[i];
    BUG_ON(i >= request->n_steps || own->send || own->read.separator);
    *own = *step;
    own->send = copy(step->send, step->send_size);
    own->read.separator = copy(step->read.separator, step->read.separator_size);
}

/* ---- the end ---- */

static void end(struct stream_request *request, char *type, struct buffer *text, char *details)
{
    BUG_ON(request->state == STREAM_OVER);
    struct answer *answer = &request->operation.answer;
    memory_need(text->failed ? NULL : text->bytes);
    *answer = (struct answer){.type = type, .size = text->size, .details = details};
    answer->text = memory_need(buffer_take(text));
    request->state = STREAM_OVER;
}

void stream_fail(struct stream_request *request, const char *type, const char *message,
                 char *details)
{
    struct buffer text = {0};
    buffer_text(&text, message);
    end(request, memory_text(type), &text, details);
}

static void fail_incomplete(struct stream_request *request, const struct stream_read *read,
                            const struct stream_bytes *partial)
{
    struct buffer message = {0}, details = {0};
    buffer_format(&message, "%zu bytes read on a total of ", partial->size);
    buffer_text(&details, "{\"partial\":");
    write_bytes(&details, partial->bytes, partial->size);
    if (read->kind == READ_EXACTLY) {
        buffer_format(&message, "%zu expected bytes", read->n);
        buffer_format(&details, ",\"expected\":%zu}", read->n);
    } else {
        buffer_text(&message, "undefined expected bytes");
        buffer_text(&details, ",\"expected\":null}");
    }
    end(request, memory_text("IncompleteReadError"), &message, memory_need(buffer_take(&details)));
}

static void fail_overrun(struct stream_request *request, enum stream_outcome outcome,
                         size_t consumed)
{
    struct buffer details = {0};
    buffer_format(&details, "{\"consumed\":%zu}", consumed);
    stream_fail(request, "LimitOverrunError",
                outcome == STREAM_TOO_FAR ? "Separator is found, but chunk is longer than limit"
                                          : "Separator is not found, and chunk exceed the limit",
                memory_need(buffer_take(&details)));
}

static void fail_too_large(struct stream_request *request)
{
    struct buffer message = {0};
    buffer_format(&message, "what was read has more bytes than the limit of a result, %zu",
                  request->reader.max);
    end(request, memory_text("ResultTooLarge"), &message, NULL);
}

/* ---- the conversation ---- */

/* Writes what the step that comes now has to say. As in CPython, it waits for nothing: it is
 * written while others are read. */
static void begin_step(struct stream_request *request)
{
    const struct stream_step *step = &request->steps[request->n_read];
    if (request->wants_eof && step->send)
        stream_fail(request, "RuntimeError", "Cannot call write() after write_eof()", NULL);
    else if (request->is_tls && step->writes_eof)
        stream_fail(request, "NotImplementedError", "a TLS connection has no write_eof()", NULL);
    if (request->state != STREAM_TALKING)
        return;
    buffer_add(&request->out, step->send, step->send_size);
    request->wants_eof |= step->writes_eof;
}

static void add_result(struct stream_request *request, const struct stream_read *read,
                       const struct stream_bytes *bytes)
{
    struct buffer *result = &request->result;
    if (request->is_exchange)
        buffer_char(result, request->n_read == 0 ? '[' : ',');
    if (read->kind == READ_NOTHING)
        buffer_text(result, "null");
    else
        write_bytes(result, bytes->bytes, bytes->size);
    if (result->size > request->reader.max)
        fail_too_large(request);
}

static void fail_read(struct stream_request *request, enum stream_outcome outcome,
                      const struct stream_bytes *bytes)
{
    const struct stream_read *read = &request->steps[request->n_read].read;
    if (outcome == STREAM_INCOMPLETE)
        fail_incomplete(request, read, bytes);
    else if (outcome == STREAM_TOO_LARGE)
        fail_too_large(request);
    else
        fail_overrun(request, outcome, bytes->size);
}

/* The connection is closed once all is written: writer.close() does no less. */
static void finish_if_flushed(struct stream_request *request)
{
    if (request->state == STREAM_FLUSHING && stream_n_to_write(request) == 0)
        end(request, NULL, &request->result, NULL);
}

/* Reads as many steps as it can. */
static void go_on(struct stream_request *request)
{
    struct stream_bytes bytes;
    while (request->state == STREAM_TALKING) {
        const struct stream_read *read = &request->steps[request->n_read].read;
        enum stream_outcome outcome = stream_reader_take(&request->reader, read, &bytes);
        if (outcome == STREAM_WAITS)
            return;
        if (outcome != STREAM_READ) {
            fail_read(request, outcome, &bytes);
            return;
        }
        add_result(request, read, &bytes);
        if (request->state == STREAM_OVER)
            return;
        if (++request->n_read < request->n_steps) {
            begin_step(request);
            continue;
        }
        if (request->is_exchange)
            buffer_char(&request->result, ']');
        request->state = STREAM_FLUSHING;
        finish_if_flushed(request);
    }
}

void stream_connected(struct stream_request *request)
{
    BUG_ON(request->state != STREAM_CONNECTING || request->n_steps == 0);
    request->state = STREAM_TALKING;
    begin_step(request);
    go_on(request);
}

void stream_received(struct stream_request *request, const char *bytes, size_t size)
{
    stream_reader_feed(&request->reader, bytes, size);
    go_on(request);
}

void stream_received_eof(struct stream_request *request)
{
    stream_reader_feed_eof(&request->reader);
    go_on(request);
}

void stream_wrote(struct stream_request *request, size_t size)
{
    request->n_written += size;
    BUG_ON(request->n_written > request->out.size);
    if (stream_n_to_write(request) == 0) {
        buffer_release(&request->out);
        request->n_written = 0;
    }
    finish_if_flushed(request);
}
