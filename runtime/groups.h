/* The groups that have not finished: the router has them all, in a table, and is told of what
 * becomes of their tasks, which may run on any loop. A group's document goes to the disk before
 * anybody is told of a change, one writing after another; what a stop leaves unwritten (an abort,
 * an end) follows at the next start from what is on disk. [router] unless it says otherwise. */
#ifndef AWAITD_RUNTIME_GROUPS_H
#define AWAITD_RUNTIME_GROUPS_H

#include "runtime/group.h"
#include "runtime/runtime.h"

struct groups {
    struct group **table; /* by id: n_buckets chains; NULL before the first one */
    size_t n_buckets, n;
    size_t n_open; /* with those that are on their way to the disk for the first time */
};

struct group *groups_find(const struct groups *groups, const struct id *id);
void groups_put(struct groups *groups, struct group *group);
void groups_remove(struct groups *groups, struct group *group);
void groups_release(struct groups *groups); /* frees them */

/* ---- groups.c: what a group goes through ---- */

/* Whether the group takes the record's task; says in *facts how it is. */
bool groups_may_add(struct runtime *runtime, const struct task_record *record,
                    struct group_facts *facts);
/* It does, and the task goes to this loop. */
void groups_add(struct runtime *runtime, const struct task_record *record,
                struct loop_thread *thread, bool is_pending);
/* A pending task of a group begins; one has its end on disk; or it never was, as the store had no
 * room for it. To be called before anybody else is told. [any loop's thread] */
void groups_tell_start(struct runtime *runtime, const struct task_record *record);
void groups_tell_end(struct runtime *runtime, struct task_record *ended);
void groups_tell_refusal(struct runtime *runtime, const struct task_record *record);
/* Everybody who waits is answered, and nothing is written any more. */
void groups_drain(struct runtime *runtime);
void groups_give_up(struct runtime *runtime, const struct id *id, uint64_t ticket);

/* TaskGroup._abort, when there is a reason for it and it has not happened yet. */
void group_abort(struct group *group);
void group_arm_deadline(struct group *group);
/* Queues the document as this record has it, for somebody or (NULL) of the group's own accord. */
void group_write(struct group *group, const struct group_record *record,
                 struct group_request *asked);
/* Does what is to be done next, if nothing is on its way to the disk. */
void group_go_on(struct group *group);

/* ---- group_requests.c ---- */

/* Begins what was asked; it may be done at once. */
void group_begin_request(struct group *group, struct group_request *request);
/* What group_write was called for is on disk, or (status) is not. False when the group is gone. */
bool group_end_request(struct group *group, struct group_request *request, int status);
/* All that wait for their turn. */
void group_refuse_requests(struct group *group, int status);

/* group_recover.c: opens those again that had not finished, after their tasks. 0 or -code and *e.
 * [main, before the router runs] */
int groups_recover(struct runtime *runtime, struct error *e);

#endif
