/* A group that has not finished: asyncio.TaskGroup whose body is the client, under asyncio.timeout.
 * Here is what it knows and what it comes to; groups.c has its life. [router] */
#ifndef AWAITD_RUNTIME_GROUP_H
#define AWAITD_RUNTIME_GROUP_H

#include "runtime/base/chain.h"
#include "runtime/base/list.h"
#include "runtime/group_record.h"
#include "runtime/message.h"
#include "runtime/store/store.h"
#include "runtime/timer.h"

struct group_request;
struct loop_thread;
struct runtime;

/* A task of the group. */
struct member {
    struct id id;
    enum task_state state; /* RUNNING: its end is not on disk yet, whatever the task is at */
    bool is_pending;       /* RUNNING: it has not begun, as far as the group knows */
    union {
        struct loop_thread *thread; /* RUNNING: who has it */
        char *result;               /* SUCCEEDED: JSON, as long as it may be needed; owned */
    };
};

struct group {
    struct group *next; /* in the table */
    struct runtime *runtime;
    struct group_record record;
    struct member *members; /* in the order of their ids, which is that of their creation */
    size_t n_members, capacity;
    size_t n_pending;    /* of them */
    size_t results_size; /* of the list's text, as far as it is known */
    char **errors;       /* JSON, in the order of the ends; owned */
    size_t n_errors, errors_capacity;
    size_t errors_size;   /* of their texts */
    bool has_base_error;  /* one of them is no Exception */
    bool is_timed_out;    /* the deadline has passed before all was over */
    struct timer timer;   /* of the deadline; of another try to store the end */
    struct list waiters;  /* struct waiter */
    struct chain waiting; /* struct group_request: until the document can be written again */
    /* the document on its way to the disk */
    bool is_writing, is_changed; /* is_changed: it is to be written once more */
    struct group_request *asked; /* what it is written for; NULL: of our own accord */
    struct store_request put;
    struct message message;
    char name[ID_TEXT_SIZE];
    char *body;
    int status;
};

/* Takes the record, leaving it empty. */
struct group *group_new(struct runtime *runtime, struct group_record *record);
void group_free(struct group *group);

/* A task is made in it. */
void group_add(struct group *group, const struct id *id, struct loop_thread *thread,
               bool is_pending);
/* It has begun. */
void group_note_start(struct group *group, const struct id *id);
/* It never was: the store had no room for it. */
void group_take_back(struct group *group, const struct id *id);
/* The end of one that was added; true when there is such a one that ran. group_add_error must
 * follow for an error. */
bool group_note_end(struct group *group, const struct task_record *ended);
/* The error of one that failed; it is noted as the first one if none has failed before. */
void group_add_error(struct group *group, const struct task_record *failed);

/* What its state has to be by what else is known of it: open, closing or aborting. */
void group_update_state(struct group *group);
/* What others may see of it: while its end is not on disk, it goes on. */
struct group_facts group_visible_facts(const struct group *group);
static inline size_t group_count_running(const struct group *group)
{
    return group->record.facts.counts[TASK_RUNNING];
}
/* Whether all is over that has to be waited for. */
bool group_is_complete(const struct group *group);
/* Frees the results: they are not needed any more. */
void group_drop_results(struct group *group);

/* Complete: gives it its end, with its result or error. A text of more than max_size bytes becomes
 * a ResultTooLarge error. */
void group_finish(struct group *group, size_t max_size, int64_t now_us);

#endif
