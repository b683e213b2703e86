/* Definitions: documents of the store, each the `async def` that `call` runs. */
#include "server/coroutines.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/services.h"
#include "schema/json.h"
#include "server/body.h"
#include "server/page.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

#define KIND "coroutine"
#define DESCRIPTION_MAX_CHARACTERS 10000

/* ---- for submissions ---- */

json_t *definitions_find(void *context, const char *name)
{
    struct definitions *definitions = context;
    struct document *document = NULL;
    if (definitions->status != 0 || json_object_get(definitions->missing, name))
        return NULL;
    int status = store_get_document(definitions->request->lane->reader, KIND, name, &document,
                                    &definitions->error);
    json_t *definition =
        document ? json_read(document->body, strlen(document->body), &definitions->error) : NULL;
    document_free(document);
    if (definition)
        json_object_del(definition, "description"); /* jobs keep what they run, and no more */
    else if (status != -ERROR_NOT_FOUND)
        definitions->status =
            status ? status : error_set(&definitions->error, ERROR_NO_MEMORY, "out of memory");
    else {
        if (!definitions->missing)
            definitions->missing = json_object();
        json_object_set_new(definitions->missing, name, json_true());
    }
    return definition;
}

void definitions_release(struct definitions *definitions)
{
    json_decref(definitions->missing);
}

/* ---- the resource ---- */

/* What the body of the document says is there already, in braces. */
static void write_coroutine(struct buffer *b, const struct document *document)
{
    buffer_text(b, "{\"name\":");
    buffer_json_string(b, document->name, strlen(document->name));
    buffer_char(b, ',');
    buffer_add(b, document->body + 1, strlen(document->body) - 2);
    buffer_text(b, ",\"created_at\":");
    buffer_json_time(b, document->created_at_us);
    buffer_text(b, ",\"updated_at\":");
    buffer_json_time(b, document->updated_at_us);
    buffer_char(b, '}');
}

static void reply_missing(struct request *request)
{
    reply_problem(request, 404, "there is no coroutine '%.200s'", request->name);
}

static void answer_failure(struct request *request)
{
    if (request->outcome == -ERROR_NOT_FOUND)
        reply_missing(request);
    else
        reply_code(request, (enum error_code) - request->outcome);
}

/* ---- PUT ---- */

/* Null is as good as nothing. */
static void check_description(json_t *body, struct error_list *errors)
{
    const json_t *value = json_object_get(body, "description");
    if (json_is_null(value))
        json_object_del(body, "description");
    else if (value &&
             (!json_is_string(value) || body_count_characters(value) > DESCRIPTION_MAX_CHARACTERS))
        error_list_add(errors, "/description", "must be a string of at most %d characters",
                       DESCRIPTION_MAX_CHARACTERS);
}

static void check_definition(const struct server *server, json_t *body, struct error_list *errors)
{
    const struct node_check check = services_check(server->services);
    static const char *const members[] = {"parameters", "body", "description", NULL};
    if (json_is_null(json_object_get(body, "parameters")))
        json_object_del(body, "parameters");
    plan_check_definition(body, runtime_ops(), &check, errors);
    check_description(body, errors);
    body_check_members(errors, body, members);
}

/* NULL when out of memory. */
static char *write_definition(const json_t *body)
{
    struct buffer b = {0};
    const json_t *parameters = json_object_get(body, "parameters");
    const json_t *description = json_object_get(body, "description");
    buffer_text(&b, "{\"parameters\":");
    if (parameters)
        json_write(&b, parameters);
    else
        buffer_text(&b, "{}");
    buffer_text(&b, ",\"body\":");
    json_write(&b, json_object_get(body, "body"));
    if (description) {
        buffer_text(&b, ",\"description\":");
        json_write(&b, description);
    }
    buffer_char(&b, '}');
    return buffer_take(&b);
}

/* The store has put in the time of its creation: that of its former version, if there was one. */
static void answer_put(struct request *request)
{
    const struct document *document = &request->store.document;
    struct buffer b = {0}, location = {0};
    if (request->outcome != 0) {
        answer_failure(request);
        return;
    }
    bool is_new = document->created_at_us == document->updated_at_us;
    write_coroutine(&b, document);
    buffer_char(&b, '\n');
    struct MHD_Response *response = reply_new(request, &b, TYPE_JSON);
    buffer_format(&location, "/v1/coroutines/%s", request->name);
    if (is_new && location.bytes)
        reply_header(response, MHD_HTTP_HEADER_LOCATION, location.bytes);
    buffer_release(&location);
    reply_send(request, is_new ? 201 : 200, response);
}

static void store_definition(struct request *request, const json_t *body)
{
    int64_t now = now_us();
    request->text = write_definition(body);
    if (!request->text) {
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    request->store = (struct store_request){.verb = STORE_PUT,
                                            .document = {.kind = KIND,
                                                         .name = request->name,
                                                         .body = request->text,
                                                         .created_at_us = now,
                                                         .updated_at_us = now},
                                            .done = request_stored};
    request_park(request, answer_put);
    store_submit(request->server->store, &request->store);
}

void put_coroutine(struct request *request)
{
    static const char *const known[] = {NULL};
    struct error_list errors = {0};
    json_t *body;
    if (!query_check(request, known))
        return;
    if (!name_is_good(request->name)) {
        reply_problem(request, 422, "a coroutine cannot be called '%.200s': " NAME_RULE,
                      request->name);
        return;
    }
    if (!(body = body_read(request)))
        return;
    check_definition(request->server, body, &errors);
    if (errors.n > 0)
        reply_errors(request, &errors);
    else
        store_definition(request, body);
    error_list_release(&errors);
    json_decref(body);
}

/* ---- GET, DELETE ---- */

void get_coroutine(struct request *request)
{
    static const char *const known[] = {NULL};
    struct document *document = NULL;
    struct buffer b = {0};
    struct error e;
    if (!query_check(request, known))
        return;
    int status = store_get_document(request->lane->reader, KIND, request->name, &document, &e);
    if (status == -ERROR_NOT_FOUND)
        reply_missing(request);
    else if (status != 0)
        reply_error(request, &e);
    else {
        write_coroutine(&b, document);
        reply_json(request, 200, &b);
    }
    document_free(document);
}

static void answer_deleted(struct request *request)
{
    if (request->outcome == 0)
        reply_send(request, 204, reply_empty());
    else
        answer_failure(request);
}

void delete_coroutine(struct request *request)
{
    static const char *const known[] = {NULL};
    if (!query_check(request, known))
        return;
    request->store =
        (struct store_request){.verb = STORE_REMOVE,
                               .document = {.kind = KIND, .name = request->name, .body = ""},
                               .done = request_stored};
    request_park(request, answer_deleted);
    store_submit(request->server->store, &request->store);
}

/* ---- the list ---- */

/* `after`: the last name of the page before, or of this one so far; owned. */
struct page {
    struct buffer out;
    size_t n;
    char *after;
    bool has_more;
};

static bool read_cursor(struct request *request, struct page *page)
{
    const char *cursor = query_get(&request->query, "cursor");
    if (!cursor)
        return true;
    if (!name_is_good(cursor)) {
        reply_problem(request, 422, "cursor=%.100s is not what the page before had as 'next'",
                      cursor);
        return false;
    }
    page->after = strdup(cursor);
    if (!page->after)
        reply_code(request, ERROR_NO_MEMORY);
    return page->after != NULL;
}

/* At most `wanted` of the next ones; what is read beyond that tells that there are more. */
static int write_batch(struct request *request, struct page *page, size_t wanted, struct error *e)
{
    struct document *documents[PAGE_BATCH + 1];
    size_t n = 0, i = 0, limit = wanted < PAGE_BATCH ? wanted : PAGE_BATCH;
    int status =
        store_list_documents(request->lane->reader, KIND, page->after, limit + 1, documents, &n, e);
    for (; i < limit && i < n && page->out.size < PAGE_BYTES; i++) {
        if (page->n++ > 0)
            buffer_char(&page->out, ',');
        write_coroutine(&page->out, documents[i]);
    }
    page->has_more = i < n;
    if (i > 0) {
        free(page->after);
        page->after = strdup(documents[i - 1]->name);
        page->out.failed |= !page->after;
    }
    while (n > 0)
        document_free(documents[--n]);
    return status;
}

static void read_and_answer(struct request *request, struct page *page, size_t limit)
{
    struct error e;
    int status = 0;
    buffer_text(&page->out, "{\"coroutines\":[");
    do
        status = write_batch(request, page, limit - page->n, &e);
    while (status == 0 && page->has_more && page->n < limit && page->out.size < PAGE_BYTES &&
           !page->out.failed);
    if (status == 0)
        page_reply(request, &page->out, page->has_more ? page->after : NULL);
    else
        reply_error(request, &e);
}

void list_coroutines(struct request *request)
{
    static const char *const known[] = {"limit", "cursor", NULL};
    struct page page = {0};
    size_t limit;
    if (query_check(request, known) && limit_read(request, &limit) && read_cursor(request, &page))
        read_and_answer(request, &page, limit);
    buffer_release(&page.out);
    free(page.after);
}
