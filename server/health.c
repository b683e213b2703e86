/* The server itself: is it alive, is it ready, what does it promise. */
#include <string.h>

#include "runtime/services.h"
#include "schema/embedded.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/safe_mode.h"
#include "server/tasks.h"

static const char *const no_parameters[] = {NULL};

static const char *status_of(const struct server *server)
{
    if (server->is_draining)
        return "draining";
    return safe_mode_is_on(server) ? "safe" : "ok";
}

static void answer_health(struct request *request)
{
    struct runtime_stats stats;
    struct buffer b = {0};
    if (!spawner_is_alive(request->server->services->spawner)) {
        reply_problem(request, 503,
                      "the process that starts programs is gone; start the server again");
        return;
    }
    runtime_stats(request->server->runtime, &stats);
    buffer_format(&b,
                  "{\"status\":\"%s\",\"version\":\"" AWAITD_VERSION "\",\"store\":\"%s\","
                  "\"microhttpd\":\"%s\",\"open_tasks\":%llu,\"submitted\":%llu,\"finished\":%llu}",
                  status_of(request->server), store_kind(request->server->store), MHD_get_version(),
                  (unsigned long long)stats.open_tasks, (unsigned long long)stats.submitted,
                  (unsigned long long)stats.finished);
    reply_json(request, 200, &b);
}

void get_health(struct request *request)
{
    if (query_check(request, no_parameters))
        answer_health(request);
}

void get_readiness(struct request *request)
{
    if (!query_check(request, no_parameters))
        return;
    if (request->server->is_draining)
        reply_code(request, ERROR_DRAINING);
    else if (safe_mode_is_on(request->server))
        safe_mode_refuse(request);
    else
        answer_health(request);
}

void get_contract(struct request *request)
{
    if (!query_check(request, no_parameters))
        return;
    reply_send(request, 200,
               reply_static(request, embedded_openapi, embedded_openapi_size, "application/yaml"));
}
