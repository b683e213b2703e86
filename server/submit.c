/* POST /v1/tasks, …/run_until_complete of a loop, and what is alike for others that submit. The
 * path that matters most: parse, check everything, compile, hand over, suspend; the answer goes out
 * once the task is on disk, or has ended. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/http_request.h"
#include "runtime/services.h"
#include "schema/allocate.h"
#include "schema/json.h"
#include "schema/utf8.h"
#include "server/body.h"
#include "server/coroutines.h"
#include "server/group_resource.h"
#include "server/idempotency.h"
#include "server/later.h"
#include "server/reply.h"
#include "server/resource.h"
#include "server/routes.h"
#include "server/submit.h"
#include "server/tasks.h"
#include "server/wait.h"

#define LABELS_MAX 64
#define LABEL_KEY_MAX 63
#define LABEL_VALUE_MAX 255

static const char *const members[] = {"spec",  "name",   "timeout", "labels", "loop",
                                      "delay", "run_at", "ttl",     NULL};

/* A submission's members, borrowed from its body. */
struct fields {
    const json_t *spec, *name, *labels;
    const char *loop; /* NULL: any */
    double timeout;   /* or TIMEOUT_NONE, or TIMEOUT_NEVER */
    double ttl;       /* seconds; TIMEOUT_NONE, TIMEOUT_NEVER: as --retain says */
    struct later later;
    json_t *needed; /* owned: the definitions that the spec needs, or NULL */
};

/* ---- checking ---- */

static bool is_label_key(const char *key)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-";
    size_t size = strlen(key);
    return size > 0 && size <= LABEL_KEY_MAX && strspn(key, allowed) == size;
}

static void check_labels(struct fields *fields, const json_t *value, struct error_list *errors)
{
    const char *key;
    json_t *text;
    if (json_is_null(value))
        return;
    if (!json_is_object(value)) {
        error_list_add(errors, "/labels", "must be an object of strings");
        return;
    }
    if (json_object_size(value) > LABELS_MAX)
        error_list_add(errors, "/labels", "has %zu labels; at most %d are taken",
                       json_object_size(value), LABELS_MAX);
    json_object_foreach((json_t *)(uintptr_t)value, key, text)
    {
        char pointer[512];
        body_pointer(pointer, "/labels", key);
        if (!is_label_key(key))
            error_list_add(errors, pointer,
                           "a label's key must be 1 to %d of the characters A-Z a-z 0-9 . _ / -",
                           LABEL_KEY_MAX);
        if (!json_is_string(text) || body_count_characters(text) > LABEL_VALUE_MAX)
            error_list_add(errors, pointer, "must be a string of at most %d characters",
                           LABEL_VALUE_MAX);
    }
    if (json_object_size(value) > 0)
        fields->labels = value;
}

/* That there is such a loop is found out when the job gets there. */
static void check_loop(struct fields *fields, const json_t *value, const char *path_loop,
                       struct error_list *errors)
{
    const char *name = json_string_value(value);
    if (json_is_null(value))
        return;
    if (!name || !name_is_good(name))
        error_list_add(errors, "/loop", "must be the name of a loop: " NAME_RULE);
    else if (path_loop && strcmp(name, path_loop) != 0)
        error_list_add(errors, "/loop", "must be absent, or '%s' as in the path", path_loop);
    else
        fields->loop = name;
}

/* All that is wrong, but for what is inside the spec. */
static struct fields check_members(const json_t *body, const char *path_loop,
                                   struct error_list *errors)
{
    struct fields fields = {.timeout = TIMEOUT_NONE, .ttl = TIMEOUT_NONE, .loop = path_loop};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        if (strcmp(key, "spec") == 0)
            fields.spec = value;
        else if (strcmp(key, "name") == 0)
            fields.name = body_check_name(errors, value) ? value : NULL;
        else if (strcmp(key, "timeout") == 0)
            body_check_timeout(errors, value, &fields.timeout);
        else if (strcmp(key, "ttl") == 0)
            body_check_seconds(errors, "/ttl", value, &fields.ttl);
        else if (strcmp(key, "labels") == 0)
            check_labels(&fields, value, errors);
        else if (strcmp(key, "loop") == 0)
            check_loop(&fields, value, path_loop, errors);
        else if (strcmp(key, "delay") == 0)
            later_check_delay(&fields.later, value, errors);
        else if (strcmp(key, "run_at") == 0)
            later_check_run_at(&fields.later, value, errors);
        else
            body_refuse_member(errors, key, members);
    }
    later_check(&fields.later, errors);
    return fields;
}

/* The compiled spec; NULL with all that is wrong in *errors. */
static struct plan *compile(struct fields *fields, const struct coroutine_source *coroutines,
                            const struct node_check *check, struct error_list *errors)
{
    if (!fields->spec) {
        error_list_add(errors, "",
                       "the member 'spec' is missing: the job to run, such as "
                       "{\"op\": \"sleep\", \"seconds\": 1}");
        return NULL;
    }
    const struct plan_options options = {.ops = runtime_ops(),
                                         .coroutines = coroutines,
                                         .check = check,
                                         .timeout = fields->timeout,
                                         .at = "/spec",
                                         .needed = &fields->needed};
    struct plan *plan = plan_compile(fields->spec, &options, errors);
    if (plan && errors->n > 0) {
        plan_unref(plan);
        return NULL;
    }
    return plan;
}

/* ---- the record ---- */

static char *json_text(const json_t *value)
{
    struct buffer b = {0};
    json_write(&b, value);
    return buffer_take(&b);
}

/* The trace that the submission is part of, which its requests are to be part of too, is kept with
 * the labels, unless they name one or are as many as there may be. */
static bool has_trace(const struct request *request, const struct fields *fields)
{
    const char *trace = request->headers.traceparent;
    return trace && http_begins_traceparent(trace) && strlen(trace) <= LABEL_VALUE_MAX &&
           utf8_is_valid(trace, strlen(trace)) && !json_object_get(fields->labels, "traceparent") &&
           json_object_size(fields->labels) < LABELS_MAX;
}

/* JSON; NULL when out of memory. */
static char *labels_text(const struct request *request, const struct fields *fields)
{
    size_t n_failures = allocate_failures();
    if (!has_trace(request, fields))
        return json_text(fields->labels);
    json_t *all = fields->labels ? json_copy((json_t *)(uintptr_t)fields->labels) : json_object();
    json_t *trace = json_string(request->headers.traceparent);
    char *text = json_object_set_new(all, "traceparent", trace) == 0 ? json_text(all) : NULL;
    json_decref(all);
    if (allocate_failures() == n_failures)
        return text;
    free(text); /* which may lack a label */
    return NULL;
}

static int64_t deadline_of(const struct fields *fields, int64_t now)
{
    if (fields->timeout == TIMEOUT_NEVER)
        return DEADLINE_NEVER;
    return fields->timeout >= 0 ? now + (int64_t)(fields->timeout * 1e6) : 0;
}

/* The client says what the id is. */
static bool is_chosen(const struct request *request)
{
    return request->method == METHOD_PUT;
}

/* NULL when out of memory. */
static struct task_record *make_record(struct request *request, const struct fields *fields)
{
    struct task_record *record = task_record_new();
    if (!record)
        return NULL;
    record->created_at_us = now_us();
    record->id = is_chosen(request) ? request->id
                                    : id_make(record->created_at_us, lane_random(request->lane));
    record->starts = 1;
    record->group = request->parent;
    record->has_group = request->has_parent;
    record->spec = plan_pack(fields->spec, fields->needed);
    record->deadline_at_us = deadline_of(fields, record->created_at_us);
    record->has_timeout = fields->timeout != TIMEOUT_NONE;
    record->timeout = record->has_timeout ? fields->timeout : 0;
    record->run_at_us = later_run_at(&fields->later, record->created_at_us);
    record->has_ttl = fields->ttl >= 0 && fields->ttl != TIMEOUT_NEVER;
    record->ttl_us = record->has_ttl ? (int64_t)(fields->ttl * 1e6) : 0;
    if (fields->name)
        record->name = strdup(json_string_value(fields->name));
    bool has_labels = fields->labels || has_trace(request, fields);
    if (has_labels)
        record->labels = labels_text(request, fields);
    if (fields->loop)
        record->loop = strdup(fields->loop);
    if (record->spec && !record->name == !fields->name && !record->labels == !has_labels &&
        !record->loop == !fields->loop)
        return record;
    task_record_unref(record);
    return NULL;
}

/* ---- handing over ---- */

/* [writer, loop] With a waiter the request wakes when that is done. */
static void submission_done(struct submission *submission, int status)
{
    struct request *request = CONTAINER_OF(submission, struct request, submission);
    if (is_chosen(request))
        claim_release(request);
    if (status == 0 && submission->waiter)
        return;
    request->outcome = status;
    request_wake(request);
}

static void answer_refusal(struct request *request)
{
    struct error_list errors = {0};
    const char *loop = request->record->loop;
    if (request->outcome == -ERROR_CONFLICT && is_chosen(request))
        put_refuse(request);
    else if (request->outcome == -ERROR_CONFLICT)
        group_explain_refusal(request);
    else if (request->outcome != -ERROR_NOT_FOUND)
        reply_code(request, (enum error_code) - request->outcome);
    else if (request->name)
        reply_problem(request, 404, "there is no loop '%.200s'", request->name);
    else {
        error_list_add(&errors, "/loop", "there is no loop '%s'", loop);
        reply_errors(request, &errors);
    }
    error_list_release(&errors);
}

static void reply_made(struct request *request, const struct task_record *record)
{
    unsigned status = task_state_is_final(record->state) ? 200 : 202;
    resource_reply_made(request, is_chosen(request) ? 201 : status, record);
}

/* The wait is over; it may have ended since. */
static void answer_waited(struct request *request)
{
    struct task_record *now = NULL;
    store_get(request->lane->reader, &request->id, 0, &now, NULL);
    reply_made(request, now ? now : request->record);
    task_record_unref(now);
}

static void answer(struct request *request)
{
    if (request->outcome == -ERROR_REPEATED) {
        if (idempotency_look_again(request))
            repeat_answer(request);
    } else if (request->outcome != 0)
        answer_refusal(request);
    else if (request->ended)
        reply_made(request, request->ended);
    else if (request->submission.waiter)
        answer_waited(request);
    else if (request->idempotency)
        repeat_reply_first(request);
    else
        reply_made(request, request->record);
}

/* Takes the plan and the record. */
static void hand_over(struct request *request, struct plan *plan, struct task_record *record,
                      double delay)
{
    struct server *server = request->server;
    if (!server_may_ask(server)) {
        plan_unref(plan);
        task_record_unref(record);
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->id = record->id;
    request->record = task_record_ref(record);
    request->submission = (struct submission){.record = record,
                                              .plan = plan,
                                              .delay = delay,
                                              .is_held = is_chosen(request),
                                              .done = submission_done};
    if (request->idempotency) {
        request->submission.key = &request->idempotency->record;
        request->submission.write_answer = repeat_write_answer;
    }
    if (request->wait > 0) {
        wait_prepare(request, &request->id, request->wait);
        request->submission.waiter = &request->waiter;
    }
    request_park(request, answer);
    lane_submit(request->lane, &request->woken);
}

static void submit(struct request *request, const json_t *body)
{
    struct error_list errors = {0};
    struct definitions definitions = {.request = request};
    const struct coroutine_source coroutines = {definitions_find, &definitions};
    struct fields fields = check_members(body, request->name, &errors);
    const struct node_check check = services_check(request->server->services);
    struct plan *plan = compile(&fields, &coroutines, &check, &errors);
    struct task_record *record = plan ? make_record(request, &fields) : NULL;
    if (record)
        hand_over(request, plan, record, fields.later.delay);
    else if (plan) {
        plan_unref(plan);
        reply_code(request, ERROR_NO_MEMORY);
    } else if (definitions.status != 0)
        reply_error(request, &definitions.error);
    else
        reply_errors(request, &errors);
    json_decref(fields.needed);
    definitions_release(&definitions);
    error_list_release(&errors);
}

void submit_body(struct request *request)
{
    if (request->server->is_draining) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    json_t *body = body_read(request);
    if (!body)
        return;
    enum idempotency_found found =
        is_chosen(request) ? IDEMPOTENCY_NEW : idempotency_look(request, body);
    if (found == IDEMPOTENCY_NEW)
        submit(request, body);
    else if (found == IDEMPOTENCY_REPEATED)
        repeat_answer(request);
    json_decref(body);
}

void submit_task(struct request *request)
{
    static const char *const known[] = {"wait", NULL};
    if (query_check(request, known) && wait_read(request, &request->wait))
        submit_body(request);
}

/* The loop is that of the path. */
void run_until_complete(struct request *request)
{
    static const char *const known[] = {"wait", NULL};
    if (!query_check(request, known) || !wait_read(request, &request->wait))
        return;
    if (!query_get(&request->query, "wait") && !request->prefer_was_followed)
        request->wait = WAIT_MAX_S;
    submit_body(request);
}
