/* Who reads a log as it grows: told once that there is more on disk, and then he asks again. So no
 * line is kept for anybody, and how fast he reads is his own business. */
#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/runtime_internal.h"

static void tell(struct follower *follower, bool goes_on)
{
    list_remove(&follower->link);
    follower->done(follower, goes_on);
}

void loop_thread_tell_followers(struct job *job, bool goes_on)
{
    while (!list_is_empty(&job->followers))
        tell(CONTAINER_OF(job->followers.next, struct follower, link), goes_on);
}

void loop_thread_tell_follower(struct job *job, uint64_t ticket)
{
    for (struct list *l = job->followers.next; l != &job->followers; l = l->next) {
        struct follower *follower = CONTAINER_OF(l, struct follower, link);
        if (follower->ticket == ticket) {
            tell(follower, true);
            return;
        }
    }
}

/* A job that is not here has ended, and all its lines are on disk. */
static void handle_following(struct loop *loop, struct message *message)
{
    struct follower *follower = CONTAINER_OF(message, struct follower, message);
    struct job *job = loop_find(loop, &follower->id);
    list_init(&follower->link);
    if (!job || loop_thread_of(loop)->is_draining)
        tell(follower, false);
    else if (job->stored_line > follower->after)
        tell(follower, true);
    else
        list_append(&job->followers, &follower->link);
}

static void route_following(struct loop *loop, struct message *message)
{
    struct follower *follower = CONTAINER_OF(message, struct follower, message);
    runtime_forward(loop_thread_of(loop)->runtime, &follower->id, follower->loop, message,
                    handle_following);
}

void runtime_follow(struct runtime *runtime, struct follower *follower)
{
    runtime_ask(runtime, &follower->message, route_following);
}
