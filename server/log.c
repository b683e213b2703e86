/* GET /v1/tasks/{id}/log: the lines of a task's log, in order. */
#include "server/log.h"

#include <string.h>

#include "server/query.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

struct lines {
    struct buffer text;
    int64_t last;
    bool has_any;
};

static void write_member(struct buffer *b, const char *key, const char *text)
{
    text = text ? text : "";
    buffer_text(b, key);
    buffer_json_string(b, text, strlen(text));
}

void log_entry_write(struct buffer *b, const struct log_entry *entry)
{
    buffer_format(b, "{\"number\":%lld,\"time\":", (long long)entry->seq);
    buffer_json_time(b, entry->at_us);
    write_member(b, ",\"level\":", entry->level);
    write_member(b, ",\"stream\":", entry->stream);
    write_member(b, ",\"path\":", entry->path);
    write_member(b, ",\"message\":", entry->message);
    buffer_char(b, '}');
}

static void add_line(void *context, const struct log_entry *entry)
{
    struct lines *lines = context;
    if (lines->has_any)
        buffer_char(&lines->text, ',');
    log_entry_write(&lines->text, entry);
    lines->last = entry->seq;
    lines->has_any = true;
}

static void answer_page(struct request *request, int64_t after, size_t limit)
{
    struct lines lines = {.last = after};
    struct error e;
    buffer_text(&lines.text, "{\"lines\":[");
    int status =
        store_read_log(request->lane->reader, &request->id, after, limit, add_line, &lines, &e);
    buffer_format(&lines.text, "],\"next\":%lld}", (long long)lines.last);
    if (status == 0)
        reply_json(request, 200, &lines.text);
    else {
        buffer_release(&lines.text);
        reply_error(request, &e);
    }
}

static bool after_read(struct request *request, int64_t *after)
{
    const char *text = query_get(&request->query, "after");
    *after = 0;
    if (!text || parse_integer(text, 0, INT64_MAX, after))
        return true;
    reply_problem(request, 422,
                  "after=%.100s must be a line's number: the 'next' of the page before", text);
    return false;
}

void get_task_log(struct request *request)
{
    static const char *const known[] = {"after", "limit", "follow", NULL};
    int64_t after;
    size_t limit;
    bool follow;
    if (!query_check(request, known) || !limit_read(request, &limit) ||
        !after_read(request, &after) || !flag_read(request, "follow", &follow))
        return;
    if (follow && query_get(&request->query, "limit"))
        reply_problem(request, 422, "limit is for pages: with follow=1 there is none");
    else if (task_read(request, 0) && follow)
        log_follow(request, after);
    else if (!request->response)
        answer_page(request, after, limit);
}
