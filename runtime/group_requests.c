/* What clients ask of groups. A change goes to the disk first, and takes effect when it is there;
 * what comes meanwhile waits for its turn. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/groups.h"
#include "runtime/runtime_internal.h"

static int64_t wall_us(const struct group *group)
{
    struct host *host = group->runtime->main->loop.host;
    return host->wall_us(host);
}

static void answer(struct group_request *request, const struct group *group, int status)
{
    request->facts = group_visible_facts(group);
    request->done(request, status);
}

/* Writes what the record will be once the request has taken effect. */
static void write_ahead(struct group *group, struct group_request *request)
{
    struct group_record ahead = group->record; /* borrows the texts */
    request->at_us = wall_us(group);
    if (request->verb == GROUP_CLOSE) {
        ahead.facts.closed_at_us = request->at_us;
        if (ahead.facts.state == GROUP_OPEN)
            ahead.facts.state = GROUP_CLOSING;
    } else {
        ahead.facts.cancel_requested_at_us = request->at_us;
        ahead.cancel_message = request->text;
        ahead.facts.state = GROUP_ABORTING;
    }
    group_write(group, &ahead, request);
}

void group_begin_request(struct group *group, struct group_request *request)
{
    const struct group_facts *facts = &group->record.facts;
    int64_t done_at_us =
        request->verb == GROUP_CLOSE ? facts->closed_at_us : facts->cancel_requested_at_us;
    if (done_at_us)
        answer(request, group, 0);
    else
        write_ahead(group, request);
}

static void take_effect(struct group *group, struct group_request *request)
{
    struct group_record *record = &group->record;
    if (request->verb == GROUP_CLOSE) {
        record->facts.closed_at_us = request->at_us;
        group_update_state(group);
        return;
    }
    record->facts.cancel_requested_at_us = request->at_us;
    record->cancel_message = request->text ? memory_text(request->text) : NULL;
    group_abort(group);
}

void group_refuse_requests(struct group *group, int status)
{
    struct mpsc_node *node = chain_take_all(&group->waiting);
    while (node) {
        struct group_request *request = CONTAINER_OF(node, struct group_request, message.node);
        node = node->next;
        answer(request, group, status);
    }
}

/* ---- a new one ---- */

static bool end_opening(struct group *group, struct group_request *request, int status)
{
    struct groups *groups = &group->runtime->groups;
    if (status < 0) {
        groups->n_open--;
        group_free(group);
        request->done(request, status);
        return false;
    }
    groups_put(groups, group);
    group_arm_deadline(group);
    answer(request, group, 0);
    return true;
}

bool group_end_request(struct group *group, struct group_request *request, int status)
{
    if (request->verb == GROUP_NEW)
        return end_opening(group, request, status);
    if (status == 0)
        take_effect(group, request);
    answer(request, group, status);
    return true;
}

static int open_group(struct runtime *runtime, struct group_request *request)
{
    struct groups *groups = &runtime->groups;
    if (runtime->main->is_draining)
        return -ERROR_DRAINING;
    if (groups->n_open >= runtime->options.max_open_tasks)
        return -ERROR_TOO_MANY;
    groups->n_open++;
    struct group *group = group_new(runtime, request->record);
    group_write(group, &group->record, request);
    group->put.only_new = true;
    group->put.key = request->key;
    return 0;
}

static void route_opening(struct loop *loop, struct message *message)
{
    struct group_request *request = CONTAINER_OF(message, struct group_request, message);
    int status = open_group(loop_thread_of(loop)->runtime, request);
    if (status < 0)
        request->done(request, status);
}

void runtime_open_group(struct runtime *runtime, struct group_request *request)
{
    request->verb = GROUP_NEW;
    runtime_ask(runtime, &request->message, route_opening);
}

/* ---- changes ---- */

static void route_change(struct loop *loop, struct message *message)
{
    struct group_request *request = CONTAINER_OF(message, struct group_request, message);
    struct loop_thread *main = loop_thread_of(loop);
    struct group *group = groups_find(&main->runtime->groups, &request->id);
    if (main->is_draining || !group) {
        request->done(request, main->is_draining ? -ERROR_DRAINING : -ERROR_NOT_FOUND);
        return;
    }
    chain_add(&group->waiting, &message->node);
    group_go_on(group);
}

void runtime_close_group(struct runtime *runtime, struct group_request *request)
{
    request->verb = GROUP_CLOSE;
    runtime_ask(runtime, &request->message, route_change);
}

void runtime_cancel_group(struct runtime *runtime, struct group_request *request)
{
    request->verb = GROUP_CANCEL;
    runtime_ask(runtime, &request->message, route_change);
}

/* ---- a look ---- */

static void route_look(struct loop *loop, struct message *message)
{
    struct group_request *request = CONTAINER_OF(message, struct group_request, message);
    struct group *group = groups_find(&loop_thread_of(loop)->runtime->groups, &request->id);
    if (group)
        answer(request, group, 0);
    else
        request->done(request, -ERROR_NOT_FOUND);
}

void runtime_look_at_group(struct runtime *runtime, struct group_request *request)
{
    runtime_ask(runtime, &request->message, route_look);
}

/* ---- waiting ---- */

static void end_wait(struct waiter *waiter)
{
    timer_disarm(&waiter->thread->loop.timers, &waiter->timer);
    list_remove(&waiter->link);
    waiter->done(waiter, NULL);
}

static void wait_is_over(struct timer *timer)
{
    end_wait(CONTAINER_OF(timer, struct waiter, timer));
}

static void route_wait(struct loop *loop, struct message *message)
{
    struct loop_thread *main = loop_thread_of(loop);
    struct waiter *waiter = CONTAINER_OF(message, struct waiter, message);
    struct group *group = groups_find(&main->runtime->groups, &waiter->id);
    if (!group || main->is_draining) {
        waiter->done(waiter, NULL);
        return;
    }
    waiter->thread = main;
    waiter->timer = (struct timer){.fire = wait_is_over};
    list_append(&group->waiters, &waiter->link);
    timer_arm(&loop->timers, &waiter->timer, loop->host->now_ns(loop->host) + waiter->wait_ns);
}

void runtime_wait_for_group(struct runtime *runtime, struct waiter *waiter)
{
    runtime_ask(runtime, &waiter->message, route_wait);
}

void groups_give_up(struct runtime *runtime, const struct id *id, uint64_t ticket)
{
    struct group *group = groups_find(&runtime->groups, id);
    for (struct list *l = group ? group->waiters.next : NULL; l && l != &group->waiters;
         l = l->next) {
        struct waiter *waiter = CONTAINER_OF(l, struct waiter, link);
        if (waiter->ticket == ticket) {
            end_wait(waiter);
            return;
        }
    }
}
