#include "server/resource.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "server/reply.h"

static void write_id(struct buffer *b, const struct id *id)
{
    char text[ID_TEXT_SIZE];
    id_format(id, text);
    buffer_char(b, '"');
    buffer_add(b, text, ID_TEXT_SIZE - 1);
    buffer_char(b, '"');
}

static void write_time(struct buffer *b, const char *key, int64_t at_us)
{
    buffer_text(b, key);
    buffer_json_time(b, at_us);
}

/* What it came to: JSON, as it is stored. */
static void write_outcome(struct buffer *b, const struct task_record *record)
{
    if (record->state == TASK_SUCCEEDED) {
        buffer_text(b, ",\"result\":");
        buffer_text(b, record->result ? record->result : "null");
    } else if (task_state_is_final(record->state) && record->error) {
        buffer_text(b, ",\"error\":");
        buffer_text(b, record->error);
    }
}

struct progress resource_progress(struct server *server, const struct task_record *record)
{
    struct progress progress = {.fraction = NAN};
    if (!task_state_is_final(record->state))
        runtime_progress(server->runtime, &record->id, &progress);
    return progress;
}

static void write_progress(struct buffer *b, const struct progress *progress)
{
    buffer_text(b, ",\"progress\":");
    if (isnan(progress->fraction))
        buffer_text(b, "null");
    else
        buffer_json_real(b, progress->fraction);
    buffer_text(b, ",\"progress_message\":");
    if (progress->has_message)
        buffer_json_message(b, progress->message); /* it may come from a damaged process */
    else
        buffer_text(b, "null");
}

/* Microseconds, as seconds. */
static void write_seconds(struct buffer *b, int64_t us)
{
    if (us % 1000000 == 0)
        buffer_format(b, "%lld", (long long)(us / 1000000));
    else
        buffer_json_real(b, (double)us / 1e6);
}

static void write_retention(struct buffer *b, const struct server *server,
                            const struct task_record *record)
{
    buffer_text(b, ",\"ttl\":");
    if (record->has_ttl)
        write_seconds(b, record->ttl_us);
    else
        buffer_text(b, "null");
    write_time(b, ",\"expires_at\":", retention_expires_at(&server->config->retention, record));
}

void resource_write(struct buffer *b, const struct server *server, const struct task_record *record,
                    const struct progress *progress)
{
    bool done = task_state_is_final(record->state);
    const char *loop = record->loop ? record->loop : LOOP_MAIN;
    buffer_text(b, "{\"id\":");
    write_id(b, &record->id);
    buffer_text(b, ",\"name\":");
    if (record->name)
        buffer_json_string(b, record->name, strlen(record->name));
    else
        buffer_text(b, "null");
    buffer_text(b, ",\"state\":\"");
    buffer_text(b, task_state_name(record->state));
    buffer_text(b, done ? "\",\"done\":true" : "\",\"done\":false");
    write_outcome(b, record);
    write_progress(b, progress);
    write_time(b, ",\"created_at\":", record->created_at_us);
    write_time(b, ",\"run_at\":", record->run_at_us);
    write_time(b, ",\"started_at\":", record->started_at_us);
    write_time(b, ",\"finished_at\":", record->finished_at_us);
    write_retention(b, server, record);
    write_time(
        b, ",\"deadline\":", record->deadline_at_us == DEADLINE_NEVER ? 0 : record->deadline_at_us);
    write_time(b, ",\"cancel_requested_at\":", record->cancel_requested_at_us);
    buffer_text(b, ",\"loop\":");
    buffer_json_string(b, loop, strlen(loop));
    buffer_text(b, ",\"group\":");
    if (record->has_group)
        write_id(b, &record->group);
    else
        buffer_text(b, "null");
    buffer_text(b, ",\"labels\":");
    buffer_text(b, record->labels ? record->labels : "{}");
    buffer_format(b, ",\"starts\":%u,\"unhandled\":", record->starts);
    buffer_text(b, record->unhandled ? record->unhandled : "[]");
    buffer_char(b, '}');
}

/* FNV-1a */
static uint64_t hash_more(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
    return hash;
}

/* Of what can change in a task's life. Its outcome comes with finished_at. */
void resource_etag(const struct server *server, const struct task_record *record,
                   const struct progress *progress, char tag[ETAG_SIZE])
{
    const int64_t parts[] = {5, /* of the form: one more when resource_write writes another */
                             record->state,
                             record->starts,
                             record->created_at_us,
                             record->started_at_us,
                             record->finished_at_us,
                             record->deadline_at_us,
                             record->cancel_requested_at_us,
                             retention_expires_at(&server->config->retention, record)};
    uint64_t hash = hash_more(0xcbf29ce484222325u, parts, sizeof(parts));
    if (!isnan(progress->fraction))
        hash = hash_more(hash, &progress->fraction, sizeof(progress->fraction));
    if (progress->has_message)
        hash = hash_more(hash, progress->message, strlen(progress->message) + 1);
    snprintf(tag, ETAG_SIZE, "\"%016llx\"", (unsigned long long)hash);
}

static struct MHD_Response *resource_new(struct request *request, const struct task_record *record,
                                         const struct progress *progress)
{
    struct buffer b = {0};
    char tag[ETAG_SIZE];
    resource_write(&b, request->server, record, progress);
    buffer_char(&b, '\n');
    struct MHD_Response *response = reply_new(request, &b, TYPE_JSON);
    resource_etag(request->server, record, progress, tag);
    reply_header(response, MHD_HTTP_HEADER_ETAG, tag);
    reply_preference(request, response);
    return response;
}

void resource_answer(struct request *request, const struct task_record *record)
{
    struct progress progress = resource_progress(request->server, record);
    char tag[ETAG_SIZE];
    const char *condition = request->headers.if_none_match;
    resource_etag(request->server, record, &progress, tag);
    if (!condition || !etag_matches(condition, tag)) {
        reply_send(request, 200, resource_new(request, record, &progress));
        return;
    }
    struct MHD_Response *response = reply_empty();
    reply_header(response, MHD_HTTP_HEADER_ETAG, tag);
    reply_send(request, 304, response);
}

void resource_reply(struct request *request, unsigned status, const struct task_record *record)
{
    struct progress progress = resource_progress(request->server, record);
    reply_send(request, status, resource_new(request, record, &progress));
}

void resource_reply_made(struct request *request, unsigned status, const struct task_record *record)
{
    char location[] = "/v1/tasks/00000000-0000-0000-0000-000000000000";
    struct progress progress = resource_progress(request->server, record);
    struct MHD_Response *response = resource_new(request, record, &progress);
    id_format(&record->id, location + strlen("/v1/tasks/"));
    reply_header(response, MHD_HTTP_HEADER_LOCATION, location);
    reply_send(request, status, response);
}
