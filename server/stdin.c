/* POST /v1/tasks/{id}/stdin: the body is for the standard input of a process that runs, and gets
 * there as it comes. What libmicrohttpd has of it goes into the pipe before more is read: while
 * that is full the connection is suspended, and the client has to wait.
 *
 *   (head) ──► open_stdin ──► take_stdin ⇄ PARKED ──► (the body's end) end_stdin ⇄ PARKED ──► 200
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "server/hangup.h"
#include "server/process.h"
#include "server/query.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

void open_stdin(struct request *request)
{
    static const char *const known[] = {"name", "close", NULL};
    bool close;
    if (!query_check(request, known) || !flag_read(request, "close", &close) ||
        !task_read(request, 0))
        return;
    request->process = (struct process_request){.id = request->id,
                                                .loop = request->record->loop,
                                                .name = query_get(&request->query, "name"),
                                                .verb = PROCESS_FEED};
    if (task_state_is_final(request->record->state)) {
        request->process.answer = PROCESS_TASK_ENDED;
        process_refuse(request);
    }
}

static bool ask(struct request *request, void (*next)(struct request *request))
{
    request->process.answer = PROCESS_DRAINING;
    if (!server_may_ask(request->server))
        return false;
    request_watch(request, &request->id, &request->process.ticket);
    process_ask(request, next);
    return true;
}

/* What came goes to the process. It stays where it is, so that it comes again with what follows. */
static bool feed(struct request *request, const char *bytes, size_t size)
{
    struct process_request *asked = &request->process;
    free(asked->bytes);
    asked->bytes = malloc(size);
    if (!asked->bytes)
        return false;
    memcpy(asked->bytes, bytes, size);
    asked->size = size;
    return ask(request, NULL);
}

unsigned take_stdin(struct request *request, const char *bytes, size_t *size, char detail[400])
{
    struct process_request *asked = &request->process;
    if (asked->size > 0) { /* they are what is at the beginning of these */
        BUG_ON(asked->size > *size);
        request->n_fed += asked->n_written;
        bytes += asked->size;
        *size -= asked->size;
        asked->size = 0;
        if (asked->answer != PROCESS_DONE)
            return process_explain(asked, detail);
    }
    if (*size == 0 || feed(request, bytes, *size))
        return 0;
    return process_explain(asked, detail);
}

static void answer(struct request *request)
{
    struct buffer b = {0};
    if (request->process.answer != PROCESS_DONE) {
        process_refuse(request);
        return;
    }
    buffer_format(&b, "{\"written\":%llu,\"closed\":%s}", (unsigned long long)request->n_fed,
                  request->process.verb == PROCESS_CLOSE_INPUT ? "true" : "false");
    reply_json(request, 200, &b);
}

/* All of the body is in the pipe. Where there was none, whether there is such a process is to be
 * found out yet. */
void end_stdin(struct request *request)
{
    bool close;
    flag_read(request, "close", &close);
    if (close)
        request->process.verb = PROCESS_CLOSE_INPUT;
    if (!close && request->process.number)
        answer(request);
    else if (!ask(request, answer))
        process_refuse(request);
}
