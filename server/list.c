/* GET /v1/tasks: pages of tasks, newest first. */
#include <stdlib.h>
#include <string.h>

#include "server/query.h"
#include "server/reply.h"
#include "server/resource.h"
#include "server/routes.h"
#include "server/tasks.h"

/* What `filter` points to, as far as it is not borrowed from the query. */
struct page {
    struct store_filter filter;
    char *label_key;
    struct id before;
};

static bool read_state(struct request *request, struct page *page)
{
    const char *state = query_get(&request->query, "state");
    page->filter.state = state ? task_state_parse(state) : -1;
    if (!state || page->filter.state >= 0)
        return true;
    reply_problem(request, 422,
                  "state=%.100s must be pending, running, succeeded, failed or cancelled", state);
    return false;
}

static bool read_label(struct request *request, struct page *page)
{
    const char *label = query_get(&request->query, "label");
    const char *colon = label ? strchr(label, ':') : NULL;
    if (!label)
        return true;
    if (!colon || colon == label) {
        reply_problem(request, 422, "label=%.100s must be a key and a value, as in label=team:docs",
                      label);
        return false;
    }
    page->label_key = strndup(label, (size_t)(colon - label));
    page->filter.label_key = page->label_key;
    page->filter.label_value = colon + 1;
    if (!page->label_key)
        reply_code(request, ERROR_NO_MEMORY);
    return page->label_key != NULL;
}

static bool read_cursor(struct request *request, struct page *page)
{
    const char *cursor = query_get(&request->query, "cursor");
    if (!cursor)
        return true;
    if (!id_parse(cursor, strlen(cursor), &page->before)) {
        reply_problem(request, 422, "cursor=%.100s is not what the page before had as 'next'",
                      cursor);
        return false;
    }
    page->filter.before = &page->before;
    return true;
}

/* ---- the answer ---- */

/* </v1/tasks?state=running&limit=10&cursor=…>; rel="next": the same filters. */
static void write_link(struct buffer *b, const struct request *request, const char *cursor)
{
    buffer_text(b, "</v1/tasks?");
    for (size_t i = 0; i < request->query.n; i++) {
        if (strcmp(request->query.items[i].name, "cursor") == 0)
            continue;
        buffer_format(b, "%s=", request->query.items[i].name); /* all of them are known words */
        query_encode(b, request->query.items[i].value);
        buffer_char(b, '&');
    }
    buffer_format(b, "cursor=%s>; rel=\"next\"", cursor);
}

static void answer_page(struct request *request, struct task_record *const *records, size_t n,
                        bool has_more)
{
    struct buffer b = {0}, link = {0};
    char cursor[ID_TEXT_SIZE];
    buffer_text(&b, "{\"tasks\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buffer_char(&b, ',');
        resource_write(&b, records[i]);
    }
    if (has_more) {
        id_format(&records[n - 1]->id, cursor);
        buffer_format(&b, "],\"next\":\"%s\"}\n", cursor);
        write_link(&link, request, cursor);
    } else
        buffer_text(&b, "],\"next\":null}\n");
    struct MHD_Response *response = reply_new(request, &b, TYPE_JSON);
    if (link.bytes)
        reply_header(response, MHD_HTTP_HEADER_LINK, link.bytes);
    buffer_release(&link);
    reply_send(request, 200, response);
}

static void read_and_answer(struct request *request, struct page *page, size_t limit)
{
    struct error e;
    size_t n = 0;
    page->filter.limit = limit + 1; /* one more tells whether there is a next page */
    struct task_record **records = calloc(limit + 1, sizeof(struct task_record *));
    if (!records) {
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    int status = store_list(request->lane->reader, &page->filter, records, &n, &e);
    if (status == 0)
        answer_page(request, records, n > limit ? limit : n, n > limit);
    else
        reply_error(request, &e);
    for (size_t i = 0; i < n; i++)
        task_record_unref(records[i]);
    free(records);
}

void list_tasks(struct request *request)
{
    static const char *const known[] = {"state", "name", "label", "limit", "cursor", NULL};
    struct page page = {0};
    size_t limit;
    page.filter.name = query_get(&request->query, "name");
    if (query_check(request, known) && limit_read(request, &limit) && read_state(request, &page) &&
        read_cursor(request, &page) && read_label(request, &page))
        read_and_answer(request, &page, limit);
    free(page.label_key);
}
