/* GET /v1/tasks/{id}/log: the lines of a task's log, in order. */
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

static void add_line(void *context, const struct log_entry *entry)
{
    struct lines *lines = context;
    struct buffer *b = &lines->text;
    buffer_text(b, lines->has_any ? ",{\"time\":" : "{\"time\":");
    buffer_json_time(b, entry->at_us);
    write_member(b, ",\"level\":", entry->level);
    write_member(b, ",\"stream\":", entry->stream);
    write_member(b, ",\"path\":", entry->path);
    write_member(b, ",\"message\":", entry->message);
    buffer_char(b, '}');
    lines->last = entry->seq;
    lines->has_any = true;
}

void get_task_log(struct request *request)
{
    static const char *const known[] = {"after", "limit", NULL};
    const char *text = query_get(&request->query, "after");
    struct lines lines = {0};
    struct error e;
    size_t limit;
    if (!query_check(request, known) || !limit_read(request, &limit))
        return;
    if (text && !parse_integer(text, 0, INT64_MAX, &lines.last)) {
        reply_problem(request, 422,
                      "after=%.100s must be a line's number: the 'next' of the page "
                      "before",
                      text);
        return;
    }
    if (!task_read(request, 0))
        return;
    buffer_text(&lines.text, "{\"lines\":[");
    int status = store_read_log(request->lane->reader, &request->id, lines.last, limit, add_line,
                                &lines, &e);
    buffer_format(&lines.text, "],\"next\":%lld}", (long long)lines.last);
    if (status == 0)
        reply_json(request, 200, &lines.text);
    else {
        buffer_release(&lines.text);
        reply_error(request, &e);
    }
}
