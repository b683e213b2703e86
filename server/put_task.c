/* PUT /v1/tasks/{id}: a task under an id that the client chose. So he can repeat the request until
 * he is answered, and never makes two of it. */
#include <string.h>

#include "server/reply.h"
#include "server/routes.h"
#include "server/submit.h"
#include "server/tasks.h"
#include "server/wait.h"

void put_refuse(struct request *request)
{
    reply_problem(request, 412, "there is a task with this id already");
}

static bool check(struct request *request)
{
    static const char *const known[] = {"wait", NULL};
    const char *condition = request->headers.if_none_match;
    if (!query_check(request, known) || !wait_read(request, &request->wait))
        return false;
    if (!id_is_v7(&request->id))
        reply_problem(request, 422, ID_OF_NEW_TASK);
    else if (!condition || strcmp(condition, "*") != 0)
        reply_problem(request, 428,
                      "a task is never replaced: this needs the header If-None-Match: *, which "
                      "asks for one to be made if there is none with this id");
    return !request->response;
}

void put_task(struct request *request)
{
    struct error e;
    if (!check(request) || !claim_id(request, put_task))
        return;
    int status = store_get(request->lane->reader, &request->id, 0, &request->record, &e);
    if (status == 0)
        put_refuse(request);
    else if (status != -ERROR_NOT_FOUND)
        reply_error(request, &e);
    else
        submit_body(request);
    if (request->phase != PHASE_PARKED)
        claim_release(request);
}
