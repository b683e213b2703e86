/* POST /v1/tasks/{id}/reschedule: moves a running deadline, the task's own or that of a `timeout`
 * node with a name. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "schema/time.h"
#include "server/body.h"
#include "server/reply.h"
#include "server/resource.h"
#include "server/routes.h"
#include "server/tasks.h"

static const char *const members[] = {"timeout", "seconds", "at", NULL};

struct fields {
    const char *timeout; /* borrowed; NULL: the task's own */
    double seconds;      /* INFINITY: none */
    int64_t at_us;
    unsigned n_given; /* of seconds and at */
};

static void check_at(struct fields *f, const json_t *value, struct error_list *errors)
{
    f->n_given++;
    if (!json_is_string(value) || !time_parse(json_string_value(value), &f->at_us) || f->at_us == 0)
        error_list_add(errors, "/at", "must be a time such as \"2026-11-22T14:40:00Z\" (RFC 3339)");
}

static void check_timeout(struct fields *f, const json_t *value, struct error_list *errors)
{
    f->timeout = json_string_value(value);
    if (!f->timeout && !json_is_null(value))
        error_list_add(errors, "/timeout",
                       "must be the name of a 'timeout' node, or null for the "
                       "task's own");
}

static struct fields check(const json_t *body, struct error_list *errors)
{
    struct fields f = {0};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        if (strcmp(key, "timeout") == 0)
            check_timeout(&f, value, errors);
        else if (strcmp(key, "seconds") == 0) {
            f.n_given++;
            body_check_seconds(errors, "/seconds", value, &f.seconds);
        } else if (strcmp(key, "at") == 0)
            check_at(&f, value, errors);
        else
            body_refuse_member(errors, key, members);
    }
    if (f.n_given != 1)
        error_list_add(errors, "", "exactly one of 'seconds' and 'at' is needed");
    return f;
}

/* ---- the answer ---- */

/* [loop] */
static void rescheduled(struct rescheduling *rescheduling, int status)
{
    struct request *request = CONTAINER_OF(rescheduling, struct request, rescheduling);
    request->outcome = status;
    request_wake(request);
}

static void answer_refused(struct request *request)
{
    const char *name = request->text;
    if (request->outcome == -ERROR_INVALID && name)
        reply_problem(request, 404, "no 'timeout' node of this task has the name '%.100s'", name);
    else if (request->outcome == -ERROR_INVALID)
        reply_problem(request, 409,
                      "the task has no timeout of its own: it was submitted without "
                      "the member 'timeout' (null is one that can be moved later)");
    else if (request->outcome == -ERROR_NOT_FOUND)
        reply_problem(request, 409, "the task has ended");
    else if (request->outcome == -ERROR_CONFLICT)
        reply_problem(request, 409,
                      "the timeout is not active: it has not begun, has expired, or "
                      "its body has ended");
    else
        reply_code(request, (enum error_code) - request->outcome);
}

static void answer(struct request *request)
{
    if (request->outcome != 0)
        answer_refused(request);
    else if (task_read(request, 0))
        resource_reply(request, 200, request->record);
}

static void ask(struct request *request, const struct fields *f)
{
    struct server *server = request->server;
    if (task_state_is_final(request->record->state)) {
        reply_problem(request, 409, "the task has ended");
        return;
    }
    if (request->record->state == TASK_PENDING) {
        reply_problem(
            request, 409,
            "the task is pending: its timeouts begin when it does, and can be moved then");
        return;
    }
    if (!request_keep_text(request, f->timeout))
        return;
    if (!server_may_ask(server)) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->rescheduling = (struct rescheduling){.id = request->id,
                                                  .loop = request->record->loop,
                                                  .name = request->text,
                                                  .seconds = f->seconds,
                                                  .at_us = f->at_us,
                                                  .done = rescheduled};
    request_park(request, answer);
    runtime_reschedule(server->runtime, &request->rescheduling);
    server_asked(server);
}

void reschedule_task(struct request *request)
{
    static const char *const known[] = {NULL};
    struct error_list errors = {0};
    json_t *body;
    if (!query_check(request, known) || !(body = body_read(request)))
        return;
    struct fields f = check(body, &errors);
    if (errors.n > 0)
        reply_errors(request, &errors);
    else if (task_read(request, 0))
        ask(request, &f);
    error_list_release(&errors);
    json_decref(body);
}
