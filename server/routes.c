#include "server/routes.h"

#include <string.h>

#include "server/reply.h"
#include "server/tasks.h"

static const struct route routes[] = {
    {METHOD_POST, "/v1/tasks", submit_task, BODY_REQUIRED, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/tasks", list_tasks, BODY_NONE, SCOPE_READ},
    {METHOD_PUT, "/v1/tasks/{id}", put_task, BODY_REQUIRED, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/tasks/{id}", get_task, BODY_NONE, SCOPE_READ},
    {METHOD_DELETE, "/v1/tasks/{id}", delete_task, BODY_NONE, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/tasks/{id}/tree", get_task_tree, BODY_NONE, SCOPE_READ},
    {METHOD_GET, "/v1/tasks/{id}/log", get_task_log, BODY_NONE, SCOPE_READ},
    {METHOD_POST, "/v1/tasks/{id}/cancel", cancel_task, BODY_OPTIONAL, SCOPE_CANCEL},
    {METHOD_POST, "/v1/tasks/{id}/reschedule", reschedule_task, BODY_REQUIRED, SCOPE_CANCEL},
    {METHOD_POST, "/v1/tasks/{id}/signal", signal_process, BODY_OPTIONAL, SCOPE_CANCEL},
    {METHOD_POST, "/v1/tasks/{id}/stdin", end_stdin, BODY_STREAMED, SCOPE_SUBMIT},
    {METHOD_POST, "/v1/tasks/{id}/futures/{name}", set_task_future, BODY_REQUIRED, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/callbacks/{token}", get_callback, BODY_NONE, SCOPE_NONE},
    {METHOD_POST, "/v1/callbacks/{token}", post_callback, BODY_REQUIRED, SCOPE_NONE},
    {METHOD_GET, "/v1/coroutines", list_coroutines, BODY_NONE, SCOPE_READ},
    {METHOD_PUT, "/v1/coroutines/{name}", put_coroutine, BODY_REQUIRED, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/coroutines/{name}", get_coroutine, BODY_NONE, SCOPE_READ},
    {METHOD_DELETE, "/v1/coroutines/{name}", delete_coroutine, BODY_NONE, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/functions", list_functions, BODY_NONE, SCOPE_READ},
    {METHOD_GET, "/v1/functions/{name}", get_function, BODY_NONE, SCOPE_READ},
    {METHOD_GET, "/v1/executors", list_executors, BODY_NONE, SCOPE_READ},
    {METHOD_PUT, "/v1/executors/{name}", put_executor, BODY_REQUIRED, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/executors/{name}", get_executor, BODY_NONE, SCOPE_READ},
    {METHOD_DELETE, "/v1/executors/{name}", delete_executor, BODY_NONE, SCOPE_SUBMIT},
    {METHOD_POST, "/v1/loops", post_loop, BODY_REQUIRED, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/loops", get_loops, BODY_NONE, SCOPE_READ},
    {METHOD_GET, "/v1/loops/{name}", get_loop, BODY_NONE, SCOPE_READ},
    {METHOD_DELETE, "/v1/loops/{name}", delete_loop, BODY_NONE, SCOPE_SUBMIT},
    {METHOD_PUT, "/v1/loops/{name}/exception-handler", put_exception_handler, BODY_REQUIRED,
     SCOPE_SUBMIT},
    {METHOD_POST, "/v1/loops/{name}/run_until_complete", run_until_complete, BODY_REQUIRED,
     SCOPE_SUBMIT},
    {METHOD_POST, "/v1/groups", open_group, BODY_OPTIONAL, SCOPE_SUBMIT},
    {METHOD_GET, "/v1/groups", list_groups, BODY_NONE, SCOPE_READ},
    {METHOD_GET, "/v1/groups/{id}", get_group, BODY_NONE, SCOPE_READ},
    {METHOD_DELETE, "/v1/groups/{id}", delete_group, BODY_NONE, SCOPE_SUBMIT},
    {METHOD_POST, "/v1/groups/{id}/tasks", submit_to_group, BODY_REQUIRED, SCOPE_SUBMIT},
    {METHOD_POST, "/v1/groups/{id}/close", close_group, BODY_NONE, SCOPE_SUBMIT},
    {METHOD_POST, "/v1/groups/{id}/cancel", cancel_group, BODY_OPTIONAL, SCOPE_CANCEL},
    {METHOD_POST, "/v1/backup", post_backup, BODY_OPTIONAL, SCOPE_ADMIN},
    {METHOD_POST, "/v1/resume", resume_jobs, BODY_NONE, SCOPE_SUBMIT},
    {METHOD_GET, "/healthz", get_health, BODY_NONE, SCOPE_NONE},
    {METHOD_GET, "/readyz", get_readiness, BODY_NONE, SCOPE_NONE},
    {METHOD_GET, "/openapi.yaml", get_contract, BODY_NONE, SCOPE_NONE},
};
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static const struct body_stream streams[] = {{end_stdin, open_stdin, take_stdin}};

const struct body_stream *route_stream(const struct route *route)
{
    for (size_t i = 0; route && i < sizeof(streams) / sizeof(streams[0]); i++)
        if (streams[i].handle == route->handle)
            return &streams[i];
    return NULL;
}

bool route_needs_jobs(const struct route *route)
{
    static void (*const need_jobs[])(struct request *) = {
        submit_task,        put_task,        reschedule_task, signal_process,
        end_stdin,          set_task_future, get_callback,    post_callback,
        run_until_complete, post_loop,       delete_loop,     open_group,
        submit_to_group,    close_group,     cancel_group,    put_exception_handler};
    for (size_t i = 0; i < sizeof(need_jobs) / sizeof(need_jobs[0]); i++)
        if (route->handle == need_jobs[i])
            return true;
    return false;
}

static const char *const method_names[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

enum method method_parse(const char *name)
{
    if (strcmp(name, "HEAD") == 0)
        return METHOD_GET;
    for (int i = 0; i < METHOD_OTHER; i++)
        if (strcmp(name, method_names[i]) == 0)
            return (enum method)i;
    return METHOD_OTHER;
}

/* Parts of the path: what stands for {id}, and for {name} or {token}; NULL when the pattern does
 * not have it. */
struct parts {
    struct part {
        const char *text;
        size_t size;
    } id, name;
};

static bool matches(const char *pattern, const char *path, struct parts *parts)
{
    *parts = (struct parts){0};
    for (;; pattern++, path++) {
        if (*pattern == '{') {
            struct part part = {path, strcspn(path, "/")};
            if (part.size == 0)
                return false;
            *(strncmp(pattern, "{id}", 4) == 0 ? &parts->id : &parts->name) = part;
            pattern = strchr(pattern, '}') + 1;
            path += part.size;
        }
        if (*pattern != *path)
            return false;
        if (*pattern == '\0')
            return true;
    }
}

/* "GET, HEAD, POST, OPTIONS": what the path has. */
static void write_allow(const char *path, char allow[64])
{
    struct parts parts;
    allow[0] = '\0';
    for (size_t i = 0; i < N_ROUTES; i++)
        if (matches(routes[i].path, path, &parts)) {
            strcat(allow, method_names[routes[i].method]);
            strcat(allow, routes[i].method == METHOD_GET ? ", HEAD, " : ", ");
        }
    strcat(allow, "OPTIONS");
}

static void answer_options(struct request *request, const char *allow)
{
    struct MHD_Response *response = reply_empty();
    reply_header(response, MHD_HTTP_HEADER_ALLOW, allow);
    reply_send(request, 204, response);
}

static bool read_id(struct request *request, struct part part)
{
    if (id_parse(part.text, part.size, &request->id))
        return true;
    if (request->method == METHOD_PUT) {
        reply_problem(request, 422, ID_OF_NEW_TASK);
        return false;
    }
    bool is_group = strncmp(request->path, "/v1/groups/", strlen("/v1/groups/")) == 0;
    reply_problem(request, 404,
                  "there is no %s '%.*s': ids look like 01980e5a-6f2b-7c3d-9e4f-0123456789ab",
                  is_group ? "group" : "task", (int)(part.size < 100 ? part.size : 100), part.text);
    return false;
}

/* What cannot be decoded stays as it came: it has a percent sign, so it is no good name. */
static bool read_name(struct request *request, struct part part)
{
    request->name = strndup(part.text, part.size);
    if (!request->name) {
        reply_code(request, ERROR_NO_MEMORY);
        return false;
    }
    if (!path_decode(request->name))
        *stpncpy(request->name, part.text, part.size) = '\0';
    return true;
}

/* There is such a path, or a problem was answered. */
static bool read_parts(struct request *request, const struct parts *parts)
{
    return (!parts->id.text || read_id(request, parts->id)) &&
           (!parts->name.text || read_name(request, parts->name));
}

static bool find(struct request *request)
{
    struct parts parts, known = {0};
    bool path_is_known = false;
    char allow[64];
    for (size_t i = 0; i < N_ROUTES && !request->route; i++)
        if (matches(routes[i].path, request->path, &parts)) {
            path_is_known = true;
            known = parts;
            if (routes[i].method == request->method)
                request->route = &routes[i];
        }
    if (request->route)
        return read_parts(request, &known);
    write_allow(request->path, allow);
    if (request->method == METHOD_OPTIONS && path_is_known)
        answer_options(request, allow);
    else if (path_is_known)
        reply_not_allowed(request, allow);
    else
        reply_problem(request, 404, "there is nothing at '%.200s'; /openapi.yaml lists all paths",
                      request->path);
    return false;
}

/* OPTIONS * asks about the server as a whole. */
static bool answer_asterisk(struct request *request)
{
    if (request->method != METHOD_OPTIONS || strcmp(request->path, "*") != 0)
        return false;
    answer_options(request, "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    return true;
}

bool routes_find(struct request *request)
{
    struct error e;
    char *path = request->target + (request->path - request->target), *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    if (answer_asterisk(request) || !find(request))
        return false;
    if (query_parse(&request->query, query, &e) != 0) {
        reply_problem(request, 400, "%s", e.text);
        return false;
    }
    return true;
}
