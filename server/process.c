#include "server/process.h"

#include <stdio.h>

#include "runtime/base/bug.h"
#include "server/reply.h"

/* [loop] */
static void process_asked(struct process_request *asked)
{
    request_wake(CONTAINER_OF(asked, struct request, process));
}

void process_ask(struct request *request, void (*next)(struct request *request))
{
    request->process.done = process_asked;
    request_park(request, next);
    runtime_ask_process(request->server->runtime, &request->process);
    server_asked(request->server);
}

static const struct {
    unsigned status;
    const char *detail;
} refusals[] = {
    [PROCESS_TASK_ENDED] = {409, "the task has ended"},
    [PROCESS_UNKNOWN] = {404, "no 'subprocess' node of this task has this name"},
    [PROCESS_SEVERAL] = {409, "several processes come into question: say which by the name of its "
                              "node, and of nodes that run several times at once there is no "
                              "telling"},
    [PROCESS_NOT_RUNNING] = {409,
                             "the process does not run: it has not been started, or has ended"},
    [PROCESS_NOT_FED] = {409, "the process does not take its standard input from a client: its "
                              "node has no \"stdin_from\": \"client\""},
    [PROCESS_INPUT_CLOSED] = {409, "the standard input of the process is closed"},
    [PROCESS_GIVEN_UP] = {409, "the client has left"},
    [PROCESS_DRAINING] = {503, "the server is shutting down; please try again once it is back"},
};

unsigned process_explain(const struct process_request *asked, char detail[400])
{
    const char *name = asked->name;
    snprintf(detail, 400, "%s%s%.100s%s", refusals[asked->answer].detail, name ? " (name=" : "",
             name ? name : "", name ? ")" : "");
    return refusals[asked->answer].status;
}

void process_refuse(struct request *request)
{
    char detail[400];
    unsigned status = process_explain(&request->process, detail);
    reply_problem(request, status, "%s", detail);
}
