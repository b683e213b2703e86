/* Functions: what the op `thread` can call. */
#include "runtime/executor/function.h"

#include <string.h>

#include "runtime/services.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

static const char *const no_parameters[] = {NULL};

/* Its parameters as a JSON Schema: they are written as its properties already. */
static void write_schema(struct buffer *b, const struct function *function)
{
    const struct parameters *parameters = &function->parameters;
    bool is_first = true;
    buffer_text(b, "{\"type\":\"object\",\"properties\":");
    buffer_text(b, function->parameters_json);
    buffer_text(b, ",\"required\":[");
    for (uint32_t i = 0; i < parameters->n; i++) {
        const char *name = parameters->list[i].name;
        if (parameters->list[i].initial)
            continue;
        buffer_text(b, is_first ? "" : ",");
        buffer_json_string(b, name, strlen(name));
        is_first = false;
    }
    buffer_text(b, "],\"additionalProperties\":false}");
}

static void write_function(struct buffer *b, const struct function *function)
{
    buffer_text(b, "{\"name\":");
    buffer_json_string(b, function->name, strlen(function->name));
    buffer_text(b, ",\"summary\":");
    buffer_json_string(b, function->summary, strlen(function->summary));
    buffer_text(b, ",\"parameters\":");
    write_schema(b, function);
    buffer_char(b, '}');
}

void list_functions(struct request *request)
{
    const struct functions *functions = request->server->services->functions;
    struct buffer b = {0};
    if (!query_check(request, no_parameters))
        return;
    buffer_text(&b, "{\"functions\":[");
    for (size_t i = 0; i < functions_count(functions); i++) {
        buffer_text(&b, i ? "," : "");
        write_function(&b, functions_at(functions, i));
    }
    buffer_text(&b, "]}");
    reply_json(request, 200, &b);
}

void get_function(struct request *request)
{
    const struct functions *functions = request->server->services->functions;
    const struct function *function = functions_find(functions, request->name);
    struct buffer b = {0};
    if (!query_check(request, no_parameters))
        return;
    if (!function) {
        reply_problem(request, 404, "there is no function '%.200s'", request->name);
        return;
    }
    write_function(&b, function);
    reply_json(request, 200, &b);
}
