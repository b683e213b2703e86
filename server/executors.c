/* Executors: what there is and how busy it is, making them, changing and removing them. */
#include "runtime/executor/executor.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/executor/executor_kind.h"
#include "runtime/services.h"
#include "server/body.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

static const char *const no_parameters[] = {NULL};

static struct executors *executors_of(const struct request *request)
{
    return request->server->services->executors;
}

static void reply_missing(struct request *request)
{
    reply_problem(request, 404, "there is no executor '%.200s'", request->name);
}

/* ---- looking ---- */

static void write_executor(struct buffer *b, const struct executor_info *info)
{
    buffer_text(b, "{\"name\":");
    buffer_json_string(b, info->name ? info->name : "", info->name ? strlen(info->name) : 0);
    buffer_format(b, ",\"kind\":\"%s\",\"workers\":%u,\"max_queue\":%zu", info->options.kind->name,
                  info->options.workers, info->options.max_queue);
    buffer_format(b, ",\"threads\":%u,\"queued\":%zu,\"running\":%zu,\"abandoned\":%zu",
                  info->threads, info->queued, info->running, info->abandoned);
    buffer_format(b, ",\"done\":%llu,\"failed\":%llu}", (unsigned long long)info->done,
                  (unsigned long long)info->failed);
}

/* False when there is none of that name. */
static bool write_named(struct request *request, struct buffer *b)
{
    struct executor_info info;
    if (!executors_look(executors_of(request), request->name, &info))
        return false;
    write_executor(b, &info);
    free(info.name);
    return true;
}

void get_executor(struct request *request)
{
    struct buffer b = {0};
    if (!query_check(request, no_parameters))
        return;
    if (write_named(request, &b))
        reply_json(request, 200, &b);
    else
        reply_missing(request);
}

void list_executors(struct request *request)
{
    struct buffer b = {0};
    size_t n;
    if (!query_check(request, no_parameters))
        return;
    struct executor_info *list = executors_list(executors_of(request), &n);
    if (!list) {
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    buffer_text(&b, "{\"executors\":[");
    for (size_t i = 0; i < n; i++) {
        buffer_text(&b, i ? "," : "");
        write_executor(&b, &list[i]);
        free(list[i].name);
    }
    free(list);
    buffer_text(&b, "]}");
    reply_json(request, 200, &b);
}

/* ---- PUT ---- */

/* Null is as good as nothing. `out` keeps what it has then. */
static void check_number(struct error_list *errors, const json_t *body, const char *name,
                         long long least, long long most, long long *out)
{
    char pointer[512];
    const json_t *value = json_object_get(body, name);
    double number = json_number_value(value);
    if (!value || json_is_null(value))
        return;
    body_pointer(pointer, "", name);
    if (!json_is_number(value) || number < (double)least || number > (double)most ||
        number != (double)(long long)number)
        error_list_add(errors, pointer, "must be an integer from %lld to %lld", least, most);
    else
        *out = (long long)number;
}

static void check_kind(struct error_list *errors, const json_t *value,
                       const struct executor_kind **out)
{
    struct buffer known = {0};
    if (!value || json_is_null(value))
        return;
    *out = json_is_string(value) ? executor_kind_find(json_string_value(value)) : NULL;
    if (*out)
        return;
    for (size_t i = 0; i < EXECUTOR_KINDS; i++)
        buffer_format(&known, "%s'%s'", i ? " or " : "", executor_kinds[i].name);
    error_list_add(errors, "/kind", "must be %s", known.bytes ? known.bytes : "");
    buffer_release(&known);
}

static struct executor_options check_options(struct error_list *errors, const json_t *body)
{
    static const char *const members[] = {"kind", "workers", "max_queue", NULL};
    struct executor_options options = executor_defaults();
    long long workers = options.workers, max_queue = (long long)options.max_queue;
    check_kind(errors, json_object_get(body, "kind"), &options.kind);
    check_number(errors, body, "workers", 1, EXECUTOR_WORKERS_MAX, &workers);
    check_number(errors, body, "max_queue", 0, EXECUTOR_QUEUE_MAX, &max_queue);
    body_check_members(errors, body, members);
    options.workers = (unsigned)workers;
    options.max_queue = (size_t)max_queue;
    return options;
}

/* It is as its document says, in the order of the commits. [writer] */
static void put_done(struct store_request *store, int status)
{
    struct request *request = CONTAINER_OF(store, struct request, store);
    if (status == 0)
        executors_put_stored(executors_of(request), &store->document);
    request_stored(store, status);
}

static void answer_put(struct request *request)
{
    const struct document *document = &request->store.document;
    struct buffer b = {0}, location = {0};
    if (request->outcome != 0) {
        reply_code(request, (enum error_code) - request->outcome);
        return;
    }
    if (!write_named(request, &b)) { /* removed by somebody else meanwhile */
        reply_missing(request);
        return;
    }
    buffer_char(&b, '\n');
    bool is_new = document->created_at_us == document->updated_at_us &&
                  strcmp(request->name, EXECUTOR_DEFAULT) != 0;
    struct MHD_Response *response = reply_new(request, &b, TYPE_JSON);
    buffer_format(&location, "/v1/executors/%s", request->name);
    if (is_new && location.bytes)
        reply_header(response, MHD_HTTP_HEADER_LOCATION, location.bytes);
    buffer_release(&location);
    reply_send(request, is_new ? 201 : 200, response);
}

static void store_executor(struct request *request, const struct executor_options *options)
{
    int64_t now = now_us();
    request->text = executor_document(options);
    if (!request->text) {
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    request->store = (struct store_request){.verb = STORE_PUT,
                                            .document = {.kind = EXECUTOR_KIND,
                                                         .name = request->name,
                                                         .body = request->text,
                                                         .created_at_us = now,
                                                         .updated_at_us = now},
                                            .done = put_done};
    request_park(request, answer_put);
    store_submit(request->server->store, &request->store);
}

void put_executor(struct request *request)
{
    struct error_list errors = {0};
    json_t *body;
    if (!query_check(request, no_parameters))
        return;
    if (!name_is_good(request->name)) {
        reply_problem(request, 422, "an executor cannot be called '%.200s': " NAME_RULE,
                      request->name);
        return;
    }
    if (!(body = body_read(request)))
        return;
    struct executor_options options = check_options(&errors, body);
    if (errors.n > 0)
        reply_errors(request, &errors);
    else if (executors_are_full(executors_of(request)) &&
             !executors_have(executors_of(request), request->name))
        reply_problem(request, 503, "there are %d executors, as many as this server takes",
                      EXECUTORS_MAX);
    else
        store_executor(request, &options);
    error_list_release(&errors);
    json_decref(body);
}

/* ---- DELETE ---- */

/* [writer] */
static void removal_done(struct store_request *store, int status)
{
    struct request *request = CONTAINER_OF(store, struct request, store);
    if (status == -ERROR_NOT_FOUND)
        status = 0;
    if (status == 0)
        executors_remove(executors_of(request), request->name);
    else
        executors_revive(executors_of(request), request->name);
    request_stored(store, status);
}

static void answer_deleted(struct request *request)
{
    if (request->outcome == 0)
        reply_send(request, 204, reply_empty());
    else
        reply_code(request, (enum error_code) - request->outcome);
}

/* It takes no more calls from the moment in which it is seen to have none. */
void delete_executor(struct request *request)
{
    if (!query_check(request, no_parameters))
        return;
    if (strcmp(request->name, EXECUTOR_DEFAULT) == 0) {
        reply_problem(request, 409,
                      "the executor '" EXECUTOR_DEFAULT "' is always there; PUT "
                      "changes it");
        return;
    }
    int status = executors_retire(executors_of(request), request->name);
    if (status == -ERROR_NOT_FOUND) {
        reply_missing(request);
    } else if (status != 0) {
        reply_problem(request, 409, "the executor '%.200s' has calls that have not ended",
                      request->name);
    } else {
        request->store = (struct store_request){
            .verb = STORE_REMOVE,
            .document = {.kind = EXECUTOR_KIND, .name = request->name, .body = ""},
            .done = removal_done};
        request_park(request, answer_deleted);
        store_submit(request->server->store, &request->store);
    }
}
