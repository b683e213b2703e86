/* Submissions with an Idempotency-Key: the first answer, and the same to who repeats them. */
#include <math.h>

#include "runtime/base/bug.h"
#include "server/idempotency.h"
#include "server/reply.h"
#include "server/resource.h"
#include "server/submit.h"
#include "server/tasks.h"
#include "server/wait.h"

/* ---- the first answer ---- */

/* As resource_reply_made writes it, but for its progress: what is done so early is nobody's
 * to see before the task is on disk. */
void repeat_write_answer(struct submission *submission)
{
    struct request *request = CONTAINER_OF(submission, struct request, submission);
    const struct progress none = {.fraction = NAN};
    struct buffer body = {0};
    resource_write(&body, request->server, submission->record, &none);
    buffer_char(&body, '\n');
    resource_etag(request->server, submission->record, &none, request->idempotency->record.tag);
    idempotency_set_answer(request->idempotency, &submission->record->id, &body);
}

void repeat_reply_first(struct request *request)
{
    idempotency_reply(request, 202, "/v1/tasks/");
}

/* ---- the same request once more ---- */

/* A task that was deleted has no end to tell. */
static void answer_waited(struct request *request)
{
    if (!request->ended)
        store_get(request->lane->reader, &request->id, 0, &request->ended, NULL);
    if (!request->ended)
        repeat_reply_first(request);
    else
        resource_reply_made(request, task_state_is_final(request->ended->state) ? 200 : 202,
                            request->ended);
}

void repeat_answer(struct request *request)
{
    struct server *server = request->server;
    task_record_unref(request->record);
    request->record = NULL;
    request->outcome = 0;
    request->id = request->idempotency->former->id;
    if (request->wait <= 0 ||
        store_get(request->lane->reader, &request->id, 0, &request->record, NULL) != 0)
        repeat_reply_first(request);
    else if (task_state_is_final(request->record->state) || !server_may_ask(server))
        answer_waited(request);
    else {
        wait_park(request, request->record, request->wait, answer_waited);
        server_asked(server);
    }
}
