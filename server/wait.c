#include "server/wait.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "server/hangup.h"
#include "server/reply.h"

static void follow_preference(struct request *request, double *seconds)
{
    const char *preference = request->headers.prefer_wait;
    if (!preference || !parse_seconds(preference, seconds))
        return;
    if (*seconds > WAIT_MAX_S) {
        *seconds = WAIT_MAX_S;
        snprintf(request->prefer, sizeof(request->prefer), "%d", WAIT_MAX_S);
    }
    request->prefer_was_followed = true;
}

bool wait_read(struct request *request, double *seconds)
{
    const char *wait = query_get(&request->query, "wait");
    *seconds = 0;
    if (!wait)
        follow_preference(request, seconds);
    else if (!parse_seconds(wait, seconds) || *seconds > WAIT_MAX_S) {
        reply_problem(request, 422, "wait=%.100s must be a number of seconds from 0 to %d", wait,
                      WAIT_MAX_S);
        return false;
    }
    return true;
}

/* [loop] */
static void wait_is_over(struct waiter *waiter, struct task_record *ended)
{
    struct request *request = CONTAINER_OF(waiter, struct request, waiter);
    request->ended = ended ? task_record_ref(ended) : NULL;
    request_wake(request);
}

void wait_prepare(struct request *request, const struct id *id, double seconds)
{
    request->waiter =
        (struct waiter){.id = *id, .wait_ns = (int64_t)(seconds * 1e9), .done = wait_is_over};
    request_watch(request, id, &request->waiter.ticket);
}

void wait_park(struct request *request, const struct task_record *record, double seconds,
               void (*next)(struct request *request))
{
    wait_prepare(request, &record->id, seconds);
    request->waiter.loop = record->loop;
    request_park(request, next);
    runtime_wait(request->server->runtime, &request->waiter);
}
