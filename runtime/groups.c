#include "runtime/groups.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/runtime_internal.h"

#define RETRY_NS 300000000 /* until the end of a group is written again that found no room */

/* ---- from the group to its tasks ---- */

/* On the task's loop. That the request could not be noted is no reason not to cancel: it follows
 * from what is known of the group. */
static void member_cancelled(struct cancellation *c, int status)
{
    struct job *job = NULL;
    if (status < 0 && status != -ERROR_NOT_FOUND && status != -ERROR_CONFLICT)
        job = loop_find(&c->thread->loop, &c->id);
    if (job && job->phase != JOB_ENDED)
        job_request_cancel(job, NULL);
    free(c);
}

static void cancel_members(struct group *group)
{
    for (size_t i = 0; i < group->n_members; i++) {
        const struct member *member = &group->members[i];
        if (member->state != TASK_RUNNING)
            continue;
        struct cancellation *c = memory_new_zeroed(1, sizeof *c);
        *c = (struct cancellation){.id = member->id, .done = member_cancelled};
        runtime_cancel_on(member->thread, c);
    }
}

void group_abort(struct group *group)
{
    bool was_aborting = group->record.facts.state == GROUP_ABORTING;
    group_update_state(group);
    if (was_aborting || group->record.facts.state != GROUP_ABORTING)
        return;
    group->is_changed = true;
    group_drop_results(group);
    if (!group->runtime->main->is_draining) /* else the next start cancels them */
        cancel_members(group);
}

/* ---- the document ---- */

static void answer_waiters(struct group *group)
{
    struct loop_thread *main = group->runtime->main;
    while (!list_is_empty(&group->waiters)) {
        struct waiter *waiter = CONTAINER_OF(group->waiters.next, struct waiter, link);
        timer_disarm(&main->loop.timers, &waiter->timer);
        list_remove(&waiter->link);
        waiter->done(waiter, NULL);
    }
}

/* Its end is on disk. */
static void end_group(struct group *group)
{
    struct groups *groups = &group->runtime->groups;
    timer_disarm(&group->runtime->main->loop.timers, &group->timer);
    groups_remove(groups, group);
    groups->n_open--;
    answer_waiters(group);
    group_refuse_requests(group, -ERROR_NOT_FOUND);
    group_free(group);
}

/* It found no room: who waits for his turn is told so, and it is tried again. */
static void retry_end(struct group *group)
{
    struct loop *loop = &group->runtime->main->loop;
    group_refuse_requests(group, group->status);
    timer_disarm(&loop->timers, &group->timer);
    timer_arm(&loop->timers, &group->timer, loop->host->now_ns(loop->host) + RETRY_NS);
}

static void handle_stored(struct loop *loop, struct message *message)
{
    struct group *group = CONTAINER_OF(message, struct group, message);
    struct group_request *asked = group->asked;
    loop_thread_of(loop)->n_requests--;
    free(group->body);
    group->body = NULL;
    group->asked = NULL;
    group->is_writing = false;
    if (asked && !group_end_request(group, asked, group->status))
        return;
    if (group_state_is_final(group->record.facts.state)) {
        if (group->status == 0) {
            end_group(group);
            return;
        }
        retry_end(group);
    }
    group_go_on(group);
}

/* [writer] */
static void document_stored(struct store_request *request, int status)
{
    struct group *group = CONTAINER_OF(request, struct group, put);
    group->status = status;
    group->message.handle = handle_stored;
    loop_thread_post(group->runtime->main, &group->message);
}

void group_write(struct group *group, const struct group_record *record,
                 struct group_request *asked)
{
    struct loop_thread *main = group->runtime->main;
    int64_t now_us = main->loop.host->wall_us(main->loop.host);
    group->body = memory_need(group_record_write(record));
    group->asked = asked;
    group->is_writing = true;
    group->is_changed = false;
    group->put =
        (struct store_request){.verb = STORE_PUT, .goes_on = true, .done = document_stored};
    group->put.document = (struct document){.kind = GROUP_KIND,
                                            .name = group->name,
                                            .body = group->body,
                                            .created_at_us = record->facts.created_at_us,
                                            .updated_at_us = now_us};
    main->n_requests++;
    loop_thread_queue_request(main, &group->put);
}

static struct group_request *next_request(struct group *group)
{
    struct chain *waiting = &group->waiting;
    struct mpsc_node *node = waiting->first;
    if (!node)
        return NULL;
    waiting->first = node->next;
    if (!waiting->first)
        waiting->end = &waiting->first;
    return CONTAINER_OF(node, struct group_request, message.node);
}

void group_go_on(struct group *group)
{
    struct loop_thread *main = group->runtime->main;
    struct group_facts *facts = &group->record.facts;
    bool is_final = group_state_is_final(facts->state);
    struct group_request *request;
    if (group->is_writing || main->is_draining || (is_final && group->timer.state == TIMER_ARMED))
        return;
    if (!is_final && group_is_complete(group)) {
        timer_disarm(&main->loop.timers, &group->timer);
        group_finish(group, group->runtime->options.max_result_bytes,
                     main->loop.host->wall_us(main->loop.host));
        is_final = true;
    }
    while (!is_final && !group->is_writing && (request = next_request(group)))
        group_begin_request(group, request);
    if (is_final || (group->is_changed && !group->is_writing))
        group_write(group, &group->record, NULL);
}

/* ---- the deadline ---- */

/* Or another try to write the end. */
static void time_has_come(struct timer *timer)
{
    struct group *group = CONTAINER_OF(timer, struct group, timer);
    if (!group_state_is_final(group->record.facts.state)) {
        group->is_timed_out = true;
        group_abort(group);
    }
    group_go_on(group);
}

void group_arm_deadline(struct group *group)
{
    struct loop *loop = &group->runtime->main->loop;
    const struct group_facts *facts = &group->record.facts;
    group->timer.fire = time_has_come;
    if (facts->deadline_at_us)
        loop_arm(loop, &group->timer, loop_host_time(loop, facts->due_us));
}

/* ---- from the tasks to their group ---- */

bool groups_may_add(struct runtime *runtime, const struct task_record *record,
                    struct group_facts *facts)
{
    const struct group *group = groups_find(&runtime->groups, &record->group);
    *facts = group ? group_visible_facts(group) : (struct group_facts){0};
    return group && facts->state == GROUP_OPEN;
}

void groups_add(struct runtime *runtime, const struct task_record *record,
                struct loop_thread *thread, bool is_pending)
{
    group_add(groups_find(&runtime->groups, &record->group), &record->id, thread, is_pending);
}

struct news {
    struct message message;
    struct id group, task;
    enum { STARTED, ENDED, REFUSED } what;
    struct task_record *ended; /* ENDED */
};

static void note_end(struct group *group, const struct task_record *ended)
{
    if (!group_note_end(group, ended))
        return;
    if (ended->state == TASK_FAILED)
        group_add_error(group, ended);
    group_abort(group); /* if there is a reason now */
}

/* A draining router forgets it: the next start reads it from the disk. */
static void handle_news(struct loop *loop, struct message *message)
{
    struct loop_thread *main = loop_thread_of(loop);
    struct news *news = CONTAINER_OF(message, struct news, message);
    struct group *group = groups_find(&main->runtime->groups, &news->group);
    if (group && !main->is_draining) {
        if (news->what == STARTED)
            group_note_start(group, &news->task);
        else if (news->what == ENDED)
            note_end(group, news->ended);
        else
            group_take_back(group, &news->task);
        group_go_on(group);
    }
    task_record_unref(news->ended);
    free(news);
}

/* Takes a reference to `ended`. */
static void tell(struct runtime *runtime, const struct task_record *record, struct news told)
{
    if (!record->has_group)
        return;
    struct news *news = memory_new(sizeof *news);
    *news = told;
    news->message.handle = handle_news;
    news->group = record->group;
    news->task = record->id;
    if (news->ended)
        task_record_ref(news->ended);
    loop_thread_post(runtime->main, &news->message);
}

void groups_tell_start(struct runtime *runtime, const struct task_record *record)
{
    tell(runtime, record, (struct news){.what = STARTED});
}

void groups_tell_end(struct runtime *runtime, struct task_record *ended)
{
    tell(runtime, ended, (struct news){.what = ENDED, .ended = ended});
}

void groups_tell_refusal(struct runtime *runtime, const struct task_record *record)
{
    tell(runtime, record, (struct news){.what = REFUSED});
}

/* ---- the drain ---- */

void groups_drain(struct runtime *runtime)
{
    struct groups *groups = &runtime->groups;
    for (size_t i = 0; i < groups->n_buckets; i++)
        for (struct group *group = groups->table[i]; group; group = group->next) {
            answer_waiters(group);
            group_refuse_requests(group, -ERROR_DRAINING);
        }
}
