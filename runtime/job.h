/* A job is one asyncio.run: a plan that runs, with its own ready queue and its own turns. A turn is
 * what stood in the queue when it began; callbacks that it schedules belong to the next one. [loop]
 *
 *   RUNNING ──root's done callback ran, turn over──► CLEANING (the rest was cancelled) ──► ENDED
 *                     └── nothing else was running ───────────────────────────────────────►┘
 *
 * What begins while it cleans up is dropped if it is not over when those that were cancelled are,
 * as asyncio.run drops it.
 */
#ifndef AWAITD_RUNTIME_JOB_H
#define AWAITD_RUNTIME_JOB_H

#define JOB_TASKS_MAX 1000000 /* live ones of one job */

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/message.h"
#include "runtime/store/record.h"
#include "runtime/task.h"
#include "runtime/timer.h"
#include "runtime/trace.h"
#include "schema/plan.h"

struct future;
struct journal;
struct loop;
struct early_future;
struct store_request;

enum job_phase { JOB_RUNNING, JOB_CLEANING, JOB_ENDED };

/* The callbacks of the ready queue: a pointer whose low bits say what is to be done with it. */
enum handle_kind {
    HANDLE_STEP = 1, /* Task.__step: of a new task, or after a bare yield */
    HANDLE_WAKEUP,   /* Task.__wakeup: what it waited for is done */
    HANDLE_DONE,     /* the done callback of a task with an owner, or of the root */
    HANDLE_TIMER,    /* a frame's timer */
    HANDLE_CANCEL,   /* root.cancel(message), asked for from outside */
    HANDLE_CALL,     /* a struct job_call */
};

struct ready_queue {
    uintptr_t *slots; /* a ring; 0: a handle that was taken back */
    uint32_t capacity;
    uint32_t head, tail; /* count up for ever; the slot is the number modulo capacity */
};

/* What became of a node: its latest run. */
struct node_run {
    int64_t started_us, took_us; /* after the job's start */
    struct value *outcome;       /* a leaf's result, or the error that the node raised itself */
    uint32_t n_runs;
    enum task_state state; /* PENDING: never ended */
};

struct job {
    struct job *next; /* in the loop's table */
    struct loop *loop;
    struct plan *plan;
    struct task_record *record;
    enum job_phase phase;
    bool root_is_done; /* its done callback ran */
    bool is_queued;    /* in the loop's list of ready jobs */
    bool is_held;      /* gets no turn: it does again what it did, has to be on disk first, or was
                        * refused */
    bool is_pending;   /* the runtime's: it begins later, and gets no turn before (pending.c) */
    uint32_t turn_end; /* of the turn that is going on, as the ready queue counts */
    uint64_t n_called; /* callbacks so far, this one included */
    struct ready_queue ready;
    struct list ready_link;
    struct list tasks;   /* live ones, in the order of their creation */
    size_t n_tasks;      /* how many they are */
    uint32_t n_created;  /* so far */
    struct list waiters; /* the runtime's, as followers */
    struct list followers;
    struct list processes; /* those of `subprocess` nodes that run: subprocess_frame.h */
    struct task *root;
    struct scope *names;            /* of the spec's own coroutine; NULL: it has none */
    struct future *futures;         /* as plan->futures; NULL before anybody asked for one */
    struct exception *with_context; /* those whose context was set (exception.c) */
    struct node_run *runs;          /* by node; NULL until the first one ended */
    struct task **leftover;         /* CLEANING: what was cancelled, n_leftover of them */
    size_t n_leftover, n_cleaned;   /* the first n_cleaned of them have ended */
    unsigned n_last_turns;          /* since all have */
    struct value **unhandled;       /* n_unhandled exceptions, as long as they fit into a result */
    size_t n_unhandled, unhandled_size;
    size_t n_unhandled_more; /* beyond that */
    uint64_t n_entered;      /* timeouts and subprocesses, so far */
    uint32_t last_node;      /* where its last step was */
    size_t work;             /* bytes that the present callback has read or made, for references */
    int64_t started_ns;      /* monotonic */
    struct timer start;      /* the runtime's: is_pending: until it is to begin */
    struct early_future *early; /* the runtime's: is_pending: those that were set already */
    int64_t resumed_ns;         /* is_resuming: the time that it goes on from (journal_now_ns) */
    struct journal *journal;    /* journal/journal.h; NULL: it has none yet */
    int64_t log_seq;
    int64_t stored_line;             /* the runtime's: the last one that it saw stored */
    struct value *outcome;           /* ENDED: the root's */
    struct store_request *insertion; /* the runtime's: while it is not handed to the store yet */
    uint32_t n_requests;    /* the runtime's: store requests under way that will ask for the job */
    bool is_stored;         /* the submission is on disk */
    bool has_progress;      /* some was told */
    bool is_resuming;       /* nothing came from outside since it was replayed */
    struct frame *counting; /* the map whose items are the job's progress (progress.h); or NULL */
};

/* Makes the job and its root task; its first turn comes when job_schedule put it in the loop's
 * list. Takes the plan's and the record's reference. is_held: it gets no turn before
 * replay_go_live, or, for a new one, before it is on disk. */
struct job *job_new(struct loop *loop, struct plan *plan, struct task_record *record, bool is_held);
/* Also in the middle: frames are dropped, nothing runs any more. */
void job_free(struct job *job);

/* One turn, or what is left of it: at most `budget` callbacks. True when the job has ended. */
bool job_turn(struct job *job, uint32_t budget);

/* Ends it where it is: nothing of it runs any more, what it would still do is not done. Takes the
 * outcome. Whoever calls it tells the loop's owner. */
void job_break_off(struct job *job, struct value *outcome);
/* job_end.c, for job_turn: looks whether this is the end, or the beginning of it. */
void job_after_turn(struct job *job);
/* Drops what stands in the ready queue. */
void job_clear_queue(struct job *job);

/* pending.c, for job_free: what was set and it never got. */
void job_drop_early_futures(struct job *job);

/* Puts a callback into the ready queue (loop.call_soon); its number. */
uint32_t job_schedule(struct job *job, enum handle_kind kind, void *pointer);
/* Takes back the one with that number (Handle.cancel). */
void job_unschedule(struct job *job, uint32_t number);

/* call_soon_threadsafe: as a callback of the job's turn. */
void job_call_soon(struct job *job, struct job_call *call);

/* call_soon_threadsafe(root.cancel, msg): message may be NULL; takes it. */
void job_request_cancel(struct job *job, struct value *message);

/* Makes sure that nobody else sees the job's record: replaces it by a copy without the spec if need
 * be. */
void job_own_record(struct job *job);

/* ENDED: makes the record say how it ended (state, times, result or error, unhandled,
 * trace); after job_own_record. Borrowed. */
struct task_record *job_finish_record(struct job *job);

/* A line in the task's log. stream: "log" for the job's own, "awaitd" for what the server says of
 * it. */
void job_say(struct job *job, const char *level, const char *stream, const char *path,
             const char *message);
/* The same at a node. */
void job_say_at(struct job *job, const char *level, const char *stream, uint32_t node,
                const char *message);
void job_add_unhandled(struct job *job, struct value *exception);

/* succeeded, failed or cancelled */
enum task_state outcome_state(const struct value *outcome);

/* The list itself, or, when its text or nesting is beyond the limits, a ResultTooLarge error in its
 * place, raised by that node. Takes the list. */
struct value *job_limit_result(struct job *job, uint32_t node, struct value *list);
/* The same for a text of that size that is to become one: NULL or the error. */
struct value *job_refuse_size(struct job *job, uint32_t node, size_t size);
/* When so many more tasks would be too many for one job: the error that this node raises; else
 * NULL. */
struct value *job_refuse_tasks(struct job *job, uint32_t node, size_t n);

/* Notes the end of a node for the tree view. Borrows the outcome. */
void job_note_end(struct job *job, uint32_t node, int64_t started_us, const struct value *outcome);
int64_t job_now_us(const struct job *job); /* after its start */
/* Appends the trace of all nodes that have started (runtime/trace.h). */
void job_write_trace(struct job *job, struct buffer *out);

/* Appends a JSON array of the live tasks, in the order of their creation, at most JOB_SHOWN_TASKS
 * of them: [{"id", "name", "path", "state", "parent", "stack": [{"op", "path"}], "waits_for",
 * "task", "since"}]. parent: the task whose node waits for this one and made it; task: the one that
 * this one awaits by its name. */
#define JOB_SHOWN_TASKS 2000
void job_write_tasks(struct job *job, struct buffer *out);

/* ---- a frame's own timer: ops whose frame begins as a timed_frame ---- */
struct timed_frame {
    struct frame base;
    struct timer timer; /* the op's timer_fired is called when it is due, as a callback of a turn */
};
void frame_arm(struct timed_frame *frame, int64_t due_ns); /* loop.call_at */
void frame_arm_wall(struct timed_frame *frame, int64_t at_us);
void frame_arm_soon(struct timed_frame *frame); /* loop.call_soon */
/* op.timer_fired: what waits goes on, with null. */
void timed_frame_wake(struct task *task, struct timed_frame *frame);
void timed_frame_release(struct task *task, struct frame *frame); /* op.release: frame_disarm */
void frame_disarm(struct timed_frame *frame);                     /* Handle.cancel */
/* now + seconds, rounded up to the nanosecond */
int64_t frame_deadline(struct task *task, double seconds);
/* Calls below the frame's coroutine. */
uint32_t frame_depth(const struct frame *frame);

#endif
