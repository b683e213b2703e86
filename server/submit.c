/* POST /v1/tasks. The path that matters most: parse, check everything, compile, hand over, suspend;
 * the answer goes out once the task is on disk, or has ended. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "schema/json.h"
#include "server/body.h"
#include "server/group_resource.h"
#include "server/reply.h"
#include "server/resource.h"
#include "server/routes.h"
#include "server/tasks.h"
#include "server/wait.h"

#define LABELS_MAX 64
#define LABEL_KEY_MAX 63
#define LABEL_VALUE_MAX 255

static const char *const members[] = {"spec", "name", "timeout", "labels", NULL};

/* A submission's members, borrowed from its body. */
struct fields {
    const json_t *spec, *name, *labels;
    double timeout; /* -1: none */
    bool spec_was_given;
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

/* All that is wrong, but for what is inside the spec. */
static struct fields check_members(const json_t *body, struct error_list *errors)
{
    struct fields fields = {.timeout = -1};
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
        else if (strcmp(key, "labels") == 0)
            check_labels(&fields, value, errors);
        else
            body_refuse_member(errors, key, members);
    }
    return fields;
}

/* The compiled spec; NULL with all that is wrong in *errors. */
static struct plan *compile(const json_t *body, struct fields *fields, struct error_list *errors)
{
    *fields = check_members(body, errors);
    if (!fields->spec) {
        error_list_add(errors, "",
                       "the member 'spec' is missing: the job to run, such as "
                       "{\"op\": \"sleep\", \"seconds\": 1}");
        return NULL;
    }
    const struct plan_options options = {
        .ops = runtime_ops(), .timeout = fields->timeout, .at = "/spec"};
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

/* NULL when out of memory. */
static struct task_record *make_record(struct request *request, const struct fields *fields)
{
    struct task_record *record = task_record_new();
    if (!record)
        return NULL;
    record->created_at_us = now_us();
    record->id = id_make(record->created_at_us, lane_random(request->lane));
    record->starts = 1;
    record->group = request->parent;
    record->has_group = request->has_parent;
    record->spec = json_text(fields->spec);
    if (fields->timeout >= 0)
        record->deadline_at_us = record->created_at_us + (int64_t)(fields->timeout * 1e6);
    if (fields->name)
        record->name = strdup(json_string_value(fields->name));
    if (fields->labels)
        record->labels = json_text(fields->labels);
    if (record->spec && !record->name == !fields->name && !record->labels == !fields->labels)
        return record;
    task_record_unref(record);
    return NULL;
}

/* ---- handing over ---- */

/* [writer, loop] With a waiter the request wakes when that is done. */
static void submission_done(struct submission *submission, int status)
{
    struct request *request = CONTAINER_OF(submission, struct request, submission);
    if (status == 0 && submission->waiter)
        return;
    request->outcome = status;
    request_wake(request);
}

static void answer(struct request *request)
{
    struct task_record *now = NULL;
    if (request->outcome == -ERROR_CONFLICT)
        group_explain_refusal(request);
    else if (request->outcome != 0)
        reply_code(request, (enum error_code) - request->outcome);
    else if (request->ended)
        resource_reply_made(request, 200, request->ended);
    else if (!request->submission.waiter)
        resource_reply_made(request, 202, request->record);
    else {
        /* The wait is over; it may have ended since. */
        store_get(request->lane->reader, &request->id, 0, &now, NULL);
        const struct task_record *shown = now ? now : request->record;
        resource_reply_made(request, task_state_is_final(shown->state) ? 200 : 202, shown);
        task_record_unref(now);
    }
}

/* Takes the plan and the record. */
static void hand_over(struct request *request, struct plan *plan, struct task_record *record,
                      double wait)
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
    request->submission =
        (struct submission){.record = record, .plan = plan, .done = submission_done};
    if (wait > 0) {
        wait_prepare(request, &request->id, wait);
        request->submission.waiter = &request->waiter;
    }
    request_park(request, answer);
    lane_submit(request->lane, &request->woken);
}

static void submit(struct request *request, const json_t *body, double wait)
{
    struct fields fields;
    struct error_list errors = {0};
    struct plan *plan = compile(body, &fields, &errors);
    struct task_record *record = plan ? make_record(request, &fields) : NULL;
    if (record)
        hand_over(request, plan, record, wait);
    else if (plan) {
        plan_unref(plan);
        reply_code(request, ERROR_NO_MEMORY);
    } else
        reply_errors(request, &errors);
    error_list_release(&errors);
}

void submit_task(struct request *request)
{
    static const char *const known[] = {"wait", NULL};
    double wait;
    if (!query_check(request, known) || !wait_read(request, &wait))
        return;
    if (request->server->is_draining) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    json_t *body = body_read(request);
    if (!body)
        return;
    submit(request, body, wait);
    json_decref(body);
}
