/* GET /v1/groups: pages of groups, in the order of their ids, which is that of their creation. */
#include <string.h>

#include "server/group_resource.h"
#include "server/query.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

/* Results may be large: a page ends early when it is, and what is in memory at a time is bounded as
 * well. It ends early, too, after so many groups that the filter has passed over. */
#define PAGE_BYTES (16u << 20)
#define BATCH 16
#define LOOKED_AT_MAX 10000

struct writing {
    struct buffer out;
    int state; /* only groups in it; -1: any */
    size_t n, n_looked_at, limit;
    char last[ID_TEXT_SIZE]; /* the name of the last one that was looked at, or "" */
    bool has_more;
};

static bool is_full(const struct writing *w)
{
    return w->n == w->limit || w->out.size >= PAGE_BYTES || w->n_looked_at >= LOOKED_AT_MAX;
}

static int write_one(struct writing *w, const struct document *document, struct error *e)
{
    struct group_record record;
    int status = group_record_read(&record, document, e);
    if (status == 0 && (w->state < 0 || record.facts.state == (enum group_state)w->state)) {
        buffer_text(&w->out, w->n++ ? "," : "");
        group_resource_write(&w->out, &record);
    }
    group_record_release(&record);
    return status == -ERROR_SYSTEM ? 0 : status; /* a damaged one is passed over */
}

/* One more than are written tells that there are more. */
static int write_batch(struct request *request, struct writing *w, struct error *e)
{
    struct document *documents[BATCH + 1];
    size_t n, i = 0;
    int status = store_list_documents(request->lane->reader, GROUP_KIND, *w->last ? w->last : NULL,
                                      BATCH + 1, documents, &n, e);
    if (status != 0)
        return status;
    for (; status == 0 && i < n && i < BATCH && !is_full(w); i++) {
        status = write_one(w, documents[i], e);
        snprintf(w->last, sizeof(w->last), "%s", documents[i]->name);
        w->n_looked_at++;
    }
    w->has_more = i < n;
    for (i = 0; i < n; i++)
        document_free(documents[i]);
    return status;
}

static void answer_page(struct request *request, struct writing *w)
{
    struct buffer link = {0};
    if (w->has_more) {
        const char *state = w->state < 0 ? NULL : group_state_name((enum group_state)w->state);
        buffer_format(&w->out, "],\"next\":\"%s\"}\n", w->last);
        buffer_format(&link, "</v1/groups?limit=%zu&%s%s%scursor=%s>; rel=\"next\"", w->limit,
                      state ? "state=" : "", state ? state : "", state ? "&" : "", w->last);
    } else
        buffer_text(&w->out, "],\"next\":null}\n");
    struct MHD_Response *response = reply_new(request, &w->out, TYPE_JSON);
    if (link.bytes)
        reply_header(response, MHD_HTTP_HEADER_LINK, link.bytes);
    buffer_release(&link);
    reply_send(request, 200, response);
}

/* ---- the query ---- */

static bool read_state(struct request *request, struct writing *w)
{
    const char *state = query_get(&request->query, "state");
    w->state = state ? group_state_parse(state) : -1;
    if (!state || w->state >= 0)
        return true;
    reply_problem(request, 422,
                  "state=%.100s must be open, closing, aborting, succeeded, failed or cancelled",
                  state);
    return false;
}

void list_groups(struct request *request)
{
    static const char *const known[] = {"state", "limit", "cursor", NULL};
    struct writing w = {.has_more = true};
    struct error e;
    struct id after;
    int status = 0;
    if (!query_check(request, known) || !group_check_page(request) ||
        !limit_read(request, &w.limit) || !read_state(request, &w))
        return;
    const char *cursor = query_get(&request->query, "cursor");
    if (cursor && id_parse(cursor, strlen(cursor), &after))
        id_format(&after, w.last);
    buffer_text(&w.out, "{\"groups\":[");
    while (status == 0 && w.has_more && !is_full(&w))
        status = write_batch(request, &w, &e);
    if (status == 0)
        answer_page(request, &w);
    else {
        buffer_release(&w.out);
        reply_error(request, &e);
    }
}
