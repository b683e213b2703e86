/* Safe mode: why nothing runs, who is told so, and the end of it. */
#include "server/safe_mode.h"

#include "runtime/base/bug.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/signals.h"
#include "server/tasks.h"

bool safe_mode_is_on(const struct server *server)
{
    return runtime_safe_mode(server->runtime) != SAFE_MODE_OFF;
}

void safe_mode_refuse(struct request *request)
{
    struct server *server = request->server;
    reply_problem(request, 503,
                  "safe mode: %u starts of the server within a minute came after a crash, more "
                  "than --crash-loop %zu, so no job runs; find what is to blame (GET "
                  "/v1/tasks?state=running, and the logs), cancel it, then POST /v1/resume",
                  runtime_run(server->runtime)->n_crashes, server->config->crash_loop);
}

bool safe_mode_check(struct request *request)
{
    if (!route_needs_jobs(request->route) || !safe_mode_is_on(request->server))
        return true;
    safe_mode_refuse(request);
    return false;
}

/* ---- POST /v1/resume ---- */

/* [loop] */
static void resumed(struct resume_request *asked, int status)
{
    struct request *request = CONTAINER_OF(asked, struct request, resume);
    request->outcome = status;
    if (status == -ERROR_SYSTEM) /* some jobs run, some do not: as after a failed start */
        signals_fail();
    request_wake(request);
}

static void answer_resumed(struct request *request)
{
    struct buffer b = {0};
    if (request->outcome == -ERROR_CONFLICT)
        reply_problem(request, 409, "the server is not in safe mode, or is just leaving it");
    else if (request->outcome != 0)
        reply_code(request, (enum error_code) - request->outcome);
    else {
        buffer_format(&b, "{\"status\":\"ok\",\"open_tasks\":%zu}", request->resume.n_open);
        reply_json(request, 200, &b);
    }
}

void resume_jobs(struct request *request)
{
    static const char *const known[] = {NULL};
    struct server *server = request->server;
    if (!query_check(request, known))
        return;
    if (!server_may_ask(server)) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->resume = (struct resume_request){.done = resumed};
    request_park(request, answer_resumed);
    runtime_resume(server->runtime, &request->resume);
    server_asked(server);
}
