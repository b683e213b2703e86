#include "server/group_resource.h"

#include <stdio.h>
#include <string.h>

#include "server/query.h"
#include "server/reply.h"
#include "server/tasks.h"

#define TOGETHER 100 /* tasks that are read at a time */

int group_read(struct request *request, const struct id *id, struct group_record *out,
               struct error *e)
{
    char name[ID_TEXT_SIZE];
    struct document *document = NULL;
    id_format(id, name);
    *out = (struct group_record){0};
    int status = store_get_document(request->lane->reader, GROUP_KIND, name, &document, e);
    if (status == 0)
        status = group_record_read(out, document, e);
    document_free(document);
    if (status < 0)
        group_record_release(out);
    return status;
}

bool group_find(struct request *request, const struct id *id, struct group_record *out)
{
    struct error e;
    int status = group_read(request, id, out, &e);
    if (status == 0)
        return true;
    if (status == -ERROR_NOT_FOUND)
        reply_problem(request, 404, "there is no group with this id");
    else
        reply_error(request, &e);
    return false;
}

/* ---- writing ---- */

static void write_id(struct buffer *b, const char *key, const struct id *id)
{
    char text[ID_TEXT_SIZE];
    id_format(id, text);
    buffer_format(b, "%s\"%s\"", key, text);
}

static void write_name(struct buffer *b, const char *name)
{
    buffer_text(b, ",\"name\":");
    if (name)
        buffer_json_string(b, name, strlen(name));
    else
        buffer_text(b, "null");
}

static void write_time(struct buffer *b, const char *key, int64_t at_us)
{
    buffer_text(b, key);
    buffer_json_time(b, at_us);
}

static void write_head(struct buffer *b, const struct group_record *record)
{
    const struct group_facts *facts = &record->facts;
    write_id(b, "{\"id\":", &record->id);
    write_name(b, record->name);
    buffer_format(b, ",\"state\":\"%s\",\"done\":%s", group_state_name(facts->state),
                  group_state_is_final(facts->state) ? "true" : "false");
    write_time(b, ",\"created_at\":", facts->created_at_us);
    write_time(b, ",\"closed_at\":", facts->closed_at_us);
    write_time(b, ",\"finished_at\":", facts->finished_at_us);
    write_time(b, ",\"deadline\":", facts->deadline_at_us);
    write_time(b, ",\"cancel_requested_at\":", facts->cancel_requested_at_us);
}

static void write_outcome(struct buffer *b, const struct group_record *record)
{
    if (!group_state_is_final(record->facts.state) || !record->outcome)
        return;
    buffer_text(b, record->facts.state == GROUP_SUCCEEDED ? ",\"result\":" : ",\"error\":");
    buffer_text(b, record->outcome);
}

void group_resource_write(struct buffer *b, const struct group_record *record)
{
    write_head(b, record);
    write_outcome(b, record);
    buffer_char(b, '}');
}

static void write_counts(struct buffer *b, const struct group_facts *facts)
{
    buffer_text(b, ",\"counts\":{");
    for (int i = 0; i < TASK_STATES; i++)
        buffer_format(b, "%s\"%s\":%zu", i ? "," : "", task_state_name((enum task_state)i),
                      facts->counts[i]);
    buffer_char(b, '}');
}

/* ---- its tasks ---- */

static bool read_cursor(struct request *request, struct id *after)
{
    const char *cursor = query_get(&request->query, "cursor");
    *after = (struct id){{0}};
    return !cursor || id_parse(cursor, strlen(cursor), after);
}

bool group_check_page(struct request *request)
{
    size_t limit;
    struct id after;
    if (!limit_read(request, &limit))
        return false;
    if (read_cursor(request, &after))
        return true;
    reply_problem(request, 422, "cursor=%.100s is not what the page before had as 'next'",
                  query_get(&request->query, "cursor"));
    return false;
}

static void write_task(struct buffer *b, const struct task_record *task)
{
    write_id(b, "{\"id\":", &task->id);
    write_name(b, task->name);
    buffer_format(b, ",\"state\":\"%s\"}", task_state_name(task->state));
}

/* One more than fit in the page tells that there are more. */
static int write_tasks(struct request *request, struct buffer *b, const struct id *group,
                       size_t limit, struct error *e)
{
    struct task_record *tasks[TOGETHER];
    struct id last;
    size_t n = 0, n_wanted = 0, n_written = 0;
    bool has_more = false;
    int status = 0;
    read_cursor(request, &last);
    while (status == 0 && n == n_wanted && !has_more) {
        struct id after = last;
        n_wanted = limit - n_written < TOGETHER ? limit - n_written + 1 : TOGETHER;
        status =
            store_read_group(request->lane->reader, group, &after, false, n_wanted, tasks, &n, e);
        for (size_t i = 0; status == 0 && i < n; i++) {
            has_more = n_written == limit;
            if (!has_more) {
                buffer_text(b, n_written++ ? "," : "");
                write_task(b, tasks[i]);
                last = tasks[i]->id;
            }
            task_record_unref(tasks[i]);
        }
    }
    if (has_more)
        write_id(b, "],\"next\":", &last);
    else
        buffer_text(b, "],\"next\":null");
    return status;
}

/* ---- the answer ---- */

/* FNV-1a. */
static uint64_t hash(uint64_t h, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return h;
}

/* Of all but the outcome, which comes with finished_at, and may be large. */
static void write_tag(const struct buffer *head, const struct buffer *tail,
                      char tag[GROUP_TAG_SIZE])
{
    uint64_t h = hash(0xcbf29ce484222325u, head->bytes, head->size);
    h = hash(h, tail->bytes, tail->size);
    snprintf(tag, GROUP_TAG_SIZE, "\"%016llx\"", (unsigned long long)h);
}

static void add_headers(struct request *request, struct MHD_Response *response, unsigned status,
                        const struct id *id)
{
    char location[] = "/v1/groups/00000000-0000-0000-0000-000000000000";
    if (status == 201) {
        id_format(id, location + strlen("/v1/groups/"));
        reply_header(response, MHD_HTTP_HEADER_LOCATION, location);
    }
    if (status != 304)
        reply_preference(request, response);
}

void group_write_opened(struct buffer *b, const struct group_record *record,
                        char tag[GROUP_TAG_SIZE])
{
    struct buffer tail = {0};
    write_head(b, record);
    write_counts(&tail, &record->facts);
    buffer_text(&tail, ",\"tasks\":[],\"next\":null}\n");
    if (!b->failed && !tail.failed)
        write_tag(b, &tail, tag);
    buffer_add(b, tail.bytes, tail.size);
    b->failed |= tail.failed;
    buffer_release(&tail);
}

void group_reply(struct request *request, unsigned status, const struct group_record *record)
{
    struct buffer head = {0}, tail = {0};
    struct error e;
    size_t limit;
    char tag[GROUP_TAG_SIZE];
    limit_read(request, &limit);
    write_head(&head, record);
    write_counts(&tail, &record->facts);
    buffer_text(&tail, ",\"tasks\":[");
    if (write_tasks(request, &tail, &record->id, limit, &e) != 0) {
        buffer_release(&head);
        buffer_release(&tail);
        reply_error(request, &e);
        return;
    }
    buffer_text(&tail, "}\n");
    write_tag(&head, &tail, tag);
    const char *condition = request->headers.if_none_match;
    struct MHD_Response *response;
    if (request->method == METHOD_GET && condition && etag_matches(condition, tag)) {
        status = 304;
        response = reply_empty();
        buffer_release(&head);
    } else {
        write_outcome(&head, record);
        buffer_add(&head, tail.bytes, tail.size);
        head.failed |= tail.failed;
        response = reply_new(request, &head, TYPE_JSON);
    }
    buffer_release(&tail);
    reply_header(response, MHD_HTTP_HEADER_ETAG, tag);
    add_headers(request, response, status, &record->id);
    reply_send(request, status, response);
}

void group_refuse_task(struct request *request, const struct group_facts *facts)
{
    char id[ID_TEXT_SIZE];
    id_format(&facts->failed_task, id);
    if (group_state_is_final(facts->state))
        reply_problem(request, 409, "the group takes no new tasks: it has finished (%s)",
                      group_state_name(facts->state));
    else if (facts->state == GROUP_CLOSING)
        reply_problem(request, 409, "the group takes no new tasks: it was closed");
    else if (facts->state == GROUP_OPEN)
        reply_problem(request, 503, "the group is not ready for tasks; please try again");
    else if (facts->has_failed)
        reply_problem(request, 409,
                      "the group takes no new tasks: it is aborting, as its task %s failed", id);
    else
        reply_problem(request, 409, "the group takes no new tasks: it is aborting, as %s",
                      facts->cancel_requested_at_us ? "its cancellation was requested"
                                                    : "its timeout has passed");
}

void group_explain_refusal(struct request *request)
{
    struct group_record stored;
    if (request->submission.group.created_at_us)
        group_refuse_task(request, &request->submission.group);
    else if (group_find(request, &request->parent, &stored)) {
        group_refuse_task(request, &stored.facts);
        group_record_release(&stored);
    }
}
