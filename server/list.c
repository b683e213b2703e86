/* GET /v1/tasks: pages of tasks, newest first. */
#include <stdlib.h>
#include <string.h>

#include "server/page.h"
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

struct writing {
    struct buffer out;
    size_t n;       /* tasks in it */
    struct id last; /* the last of them */
    bool has_more;
};

/* At most `wanted` of the next ones; what is read beyond that tells that there are more. */
static int write_batch(struct request *request, struct page *page, size_t wanted, struct writing *w,
                       struct error *e)
{
    struct task_record *records[PAGE_BATCH + 1];
    size_t n = 0;
    page->filter.limit = (wanted < PAGE_BATCH ? wanted : PAGE_BATCH) + 1;
    int status = store_list(request->lane->reader, &page->filter, records, &n, e);
    for (size_t i = 0; i + 1 < page->filter.limit && i < n && w->out.size < PAGE_BYTES; i++) {
        if (w->n++ > 0)
            buffer_char(&w->out, ',');
        struct progress progress = resource_progress(request->server, records[i]);
        resource_write(&w->out, request->server, records[i], &progress);
        w->last = records[i]->id;
    }
    w->has_more = n > 0 && id_compare(&records[n - 1]->id, &w->last) != 0;
    for (size_t i = 0; i < n; i++)
        task_record_unref(records[i]);
    page->before = w->last;
    page->filter.before = &page->before;
    return status;
}

static void answer_page(struct request *request, struct writing *w)
{
    char cursor[ID_TEXT_SIZE];
    if (w->has_more)
        id_format(&w->last, cursor);
    page_reply(request, &w->out, w->has_more ? cursor : NULL);
}

static void read_and_answer(struct request *request, struct page *page, size_t limit)
{
    struct writing w = {.has_more = true};
    struct error e;
    int status = 0;
    buffer_text(&w.out, "{\"tasks\":[");
    while (status == 0 && w.has_more && w.n < limit && w.out.size < PAGE_BYTES)
        status = write_batch(request, page, limit - w.n, &w, &e);
    if (status == 0)
        answer_page(request, &w);
    else {
        buffer_release(&w.out);
        reply_error(request, &e);
    }
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
