/* The face of the runtime: all that server/ may ask of it. Every call below returns at once; the
 * answer comes through the `done` function of what was asked, on another thread. What was handed
 * over belongs to the runtime until then. So a caller that parks a connection must park it first
 * and ask second.
 *
 * A *job* is one submitted task: one asyncio.run. */
#ifndef AWAITD_RUNTIME_RUNTIME_H
#define AWAITD_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/group_record.h"
#include "runtime/host/lag.h"
#include "runtime/journal/leaf.h"
#include "runtime/message.h"
#include "runtime/progress.h"
#include "runtime/store/store.h"
#include "runtime/timer.h"
#include "schema/buffer.h"
#include "schema/plan.h"

struct runtime;
struct poster;
struct services;
struct loop_thread;

#define LOOPS_MAX 64
#define LOOP_MAIN "main" /* the loop that is always there */

struct runtime_options {
    size_t max_open_tasks;    /* submissions beyond it get ERROR_TOO_MANY */
    size_t max_result_bytes;  /* a larger result fails the task */
    size_t n_loops;           /* 1 to LOOPS_MAX: main, main-2… 0 is 1 */
    int64_t slow_callback_ns; /* a job's turn that takes longer is logged; 0: none */
    unsigned crash_loop; /* with more starts after crashes than that within a minute: safe mode; 0:
                          * never */
    unsigned quarantine; /* a function that was running inside the server at so many crashes in a
                          * row fails its job; 0: never */
    const struct services *services; /* borrowed until runtime_close has returned */
    struct poster *poster; /* for loops' exception handlers, or NULL; borrowed until runtime_close
                            * has returned */
};

/* Starts the loops' threads and runs again what had not ended when the process last stopped; or
 * begins in safe mode, see below.
 * Borrows the store until runtime_drain has returned and the server has stopped. 0 or -code and *e.
 * [main]
 */
int runtime_open(struct runtime **out, struct store *store, const struct runtime_options *options,
                 struct error *e);

/* Shuts down in order: refuses submissions from now on (ERROR_DRAINING), starts no new leaf with
 * effects, lets the running ones go on for at most grace_ms, then ends their processes (SIGTERM,
 * then SIGKILL), and answers every waiter. Jobs that have not ended stay open in the store, and the
 * next start runs them again. What is asked after that is still answered. Blocks until it is over.
 * [main] */
void runtime_drain(struct runtime *runtime, int64_t grace_ms);
/* After runtime_drain, and once no other thread can call anything here: the server stopped, the
 * store closed (its writer posts what is done). [main] */
void runtime_close(struct runtime *runtime);

/* The ops that a spec may use: for plan_compile. [any] */
const struct op_table *runtime_ops(void);

/* ---- submit ---- */

/* `record` needs id, created_at_us, spec, and name, labels, timeout, deadline_at_us (if it begins
 * at once), run_at_us where given; the runtime takes the reference. Where it names no loop the
 * runtime chooses one and says so in the record. `plan`: takes the reference. `done` is called
 * exactly once, on the writer's or a loop's thread, when the task is on disk (0) or was refused:
 * -NOT_FOUND (there is no such loop), -CONFLICT (the record's group takes no tasks; or its id is
 * taken), -REPEATED (the key is), -TOO_MANY, -DRAINING, -STORE_FULL, -STORE_UNKNOWN, -NO_MEMORY.
 *
 * With a key, write_answer is called first, on the loop's thread: the record is then as it will be
 * acknowledged, and the key gets its id, tag and answer. is_held: nothing of the job runs before it
 * is on disk; for an id that the caller did not make himself, which nobody else may submit
 * meanwhile.
 *
 * With a waiter (which then needs no id), the waiter's done follows the submission's success, maybe
 * at once; after a refusal it is not called. */
struct waiter;
struct submission {
    struct message message;
    struct task_record *record;
    struct plan *plan;
    double delay;  /* seconds until it is to begin; 0: at once, or at the record's run_at_us */
    bool is_later; /* the runtime's own: it does not begin at once */
    struct waiter *waiter;
    struct key_record *key; /* or NULL; borrowed until done */
    void (*write_answer)(struct submission *submission);
    bool is_held;
    struct group_facts group; /* -CONFLICT: how it is; created_at_us 0: it is none that goes on */
    void (*done)(struct submission *submission, int status);
};
void runtime_submit(struct runtime *runtime, struct submission *submission); /* [any] */

/* ---- wait ---- */

/* Here and below `loop` is the name of the loop that the task is on, from its record: borrowed
 * until done; NULL: the main one. Who names another is told that no such task is open. */

/* Waits for the end of a task. done(waiter, record): the ended task's record, on disk by then (the
 * callee refs it if it keeps it); or NULL when the wait is over before (seconds passed, given up,
 * draining) or no such task is open: then look into the store. Called on the loop's thread. */
struct waiter {
    struct message message;
    struct list link; /* the runtime's own */
    struct timer timer;
    struct id id;
    const char *loop;
    int64_t wait_ns;
    struct loop_thread *thread; /* the runtime's own */
    uint64_t ticket; /* for runtime_give_up; unique in the process, chosen by the caller */
    void (*done)(struct waiter *waiter, struct task_record *ended);
};
void runtime_wait(struct runtime *runtime, struct waiter *waiter); /* [any] */

/* Ends a wait early, if it is still going on: its done is called as if the time had passed; or that
 * of a follower, as if there were more. [any] */
void runtime_give_up(struct runtime *runtime, const struct id *id, uint64_t ticket);

/* ---- follow ---- */

/* Waits until there is more of a task's log on disk than the lines up to `after`. done(follower,
 * goes_on): look, and ask again; or, goes_on false, look for the last time, since the task has
 * ended and all its lines are on disk, or the server is shutting down. On a loop's thread. */
struct follower {
    struct message message;
    struct list link; /* the runtime's own */
    struct id id;
    const char *loop;
    int64_t after;
    uint64_t ticket; /* for runtime_give_up, after which there need not be more */
    void (*done)(struct follower *follower, bool goes_on);
};
void runtime_follow(struct runtime *runtime, struct follower *follower); /* [any] */

/* ---- cancel, delete, look ---- */

/* Requests a job's cancellation (Task.cancel of its root). done after the request is on disk: 0, or
 * -NOT_FOUND when no such task is open (it may have ended: look into the store), -STORE_FULL,
 * -STORE_UNKNOWN. */
struct cancellation {
    struct message message;
    struct id id;
    const char *loop;
    char *text; /* the message of the CancelledError or NULL; borrowed until done */
    void (*done)(struct cancellation *cancellation, int status);
    struct loop_thread *thread; /* from here on the runtime's own */
    struct waiter waiter;
    struct held held;
    struct store_request request;
    struct task_record *record;
    int64_t at_us;
    int status;
};
void runtime_cancel(struct runtime *runtime, struct cancellation *cancellation); /* [any] */

/* Moves a deadline of a running job: its own (name NULL; on disk before done is called), or that of
 * the active timeout node of that name which was entered last. To so many seconds from now
 * (INFINITY: none), or, when at_us is not 0, to that time. done: 0; -INVALID when the job has no
 * such timeout; -CONFLICT when it is not active; -NOT_FOUND, -STORE_FULL, -STORE_UNKNOWN as above.
 */
struct rescheduling {
    struct message message;
    struct id id;
    const char *loop, *name; /* borrowed until done */
    double seconds;
    int64_t at_us;
    void (*done)(struct rescheduling *rescheduling, int status);
    struct job_call call; /* from here on the runtime's own */
    struct held held;
    struct loop_thread *thread;
    struct store_request request;
    struct task_record *record;
    int status;
};
void runtime_reschedule(struct runtime *runtime, struct rescheduling *rescheduling); /* [any] */

/* Asks something of the process of a `subprocess` node that runs, found by the node's name (NULL:
 * it is the only one that comes into question). done on the loop's thread, for bytes once they went
 * into the pipe. */
enum process_answer {
    PROCESS_DONE,
    PROCESS_TASK_ENDED,
    PROCESS_UNKNOWN, /* no `subprocess` node has that name */
    PROCESS_SEVERAL, /* come into question */
    PROCESS_NOT_RUNNING,
    PROCESS_NOT_FED, /* its standard input is not the client's */
    PROCESS_INPUT_CLOSED,
    PROCESS_GIVEN_UP, /* bytes: by runtime_give_up; they may still get into the pipe */
    PROCESS_DRAINING,
};
struct process_request {
    struct message message;
    struct id id;
    const char *loop, *name; /* borrowed until done */
    enum { PROCESS_SIGNAL, PROCESS_FEED, PROCESS_CLOSE_INPUT } verb;
    int signal;
    char *bytes; /* PROCESS_FEED: from malloc, `size` of them; NULL once they were taken, else the
                  * caller's still */
    size_t size, n_written; /* n_written: of them, into the pipe; filled in, as answer */
    uint64_t number;        /* 0; filled in: the next request with it is for the same process */
    uint64_t ticket;        /* for runtime_give_up */
    enum process_answer answer;
    void (*done)(struct process_request *request);
};
void runtime_ask_process(struct runtime *runtime, struct process_request *request); /* [any] */

/* Sets a future of a running job: Future.set_result or set_exception. done once it is on disk, and
 * the future has it: 0; -INVALID when the job has no such future; -CONFLICT when it is done
 * already, or was cancelled; -NOT_FOUND, -STORE_FULL, -STORE_UNKNOWN as above. is_look: changes
 * nothing, and done gets only 0, -INVALID or -NOT_FOUND. */
struct future_request {
    struct message message;
    const char *loop;
    struct future_record record; /* its texts are borrowed until done; a look: task and name */
    bool is_look;
    bool is_done; /* of a look that came to 0: no longer pending */
    void (*done)(struct future_request *request, int status);
    struct job_call call; /* from here on the runtime's own */
    struct loop_thread *thread;
    struct store_request request;
    uint32_t index;
    int status;
};
void runtime_ask_future(struct runtime *runtime, struct future_request *request); /* [any] */

/* The live state of a running job's tree. done on the loop's thread: 0, with a plan reference, the
 * trace (runtime/trace.h) in `trace`, the tasks and the futures, all the caller's to release; or
 * -NOT_FOUND as above. */
struct look {
    struct message message;
    struct id id;
    const char *loop;
    struct plan *plan;
    struct buffer trace;
    struct buffer tasks; /* JSON: job_write_tasks */
    struct buffer
        futures; /* 'p' for each of the plan's that is pending, 'd' for one that is done */
    void (*done)(struct look *look, int status);
};
void runtime_look(struct runtime *runtime, struct look *look); /* [any] */

/* How far a running task says it is; false, and nothing known in *out, when it does not. [any] */
bool runtime_progress(struct runtime *runtime, const struct id *id, struct progress *out);

/* ---- loops ---- */

/* Opens a loop, closes one, or changes its exception handler. done on a loop's thread, once it is
 * so, on disk too: 0, -DRAINING, -NO_MEMORY, -STORE_FULL, -STORE_UNKNOWN, or as said below. */
struct loop_request {
    struct message message;
    const char *name;    /* borrowed until done, like handler */
    const char *handler; /* the URL that its unhandled errors are posted to; NULL: none */
    void (*done)(struct loop_request *request, int status);
    struct runtime *runtime; /* from here on the runtime's own */
    struct loop_thread *thread;
    struct store_request store;
    char *body, *url;
    uint64_t n_submitted;
    int status;
};
/* -CONFLICT: there is one of that name; -TOO_MANY: there are LOOPS_MAX; -SYSTEM. [any] */
void runtime_open_loop(struct runtime *runtime, struct loop_request *request);
/* -NOT_FOUND; -CONFLICT: it has open tasks, or is main or one of --loops. [any] */
void runtime_close_loop(struct runtime *runtime, struct loop_request *request);
/* -NOT_FOUND. [any] */
void runtime_set_handler(struct runtime *runtime, struct loop_request *request);

/* All loops: first main, then those of --loops, then the others in the order of their opening. */
struct loop_list {
    struct message message;
    struct loop_info {
        const char *name, *handler;
        size_t n_open; /* tasks */
        struct lag_figures lag;
        bool is_running; /* takes jobs: is not about to be closed */
    } * loops;           /* the callee frees them with free(), texts included */
    size_t n;
    void (*done)(struct loop_list *list, int status); /* on a loop's thread; 0 or -NO_MEMORY */
};
void runtime_list_loops(struct runtime *runtime, struct loop_list *list); /* [any] */

/* ---- groups ---- */

/* Opens a group, changes one, or looks at one. done on a loop's thread, after the change is on
 * disk: 0, with `facts`; -NOT_FOUND when no such group goes on (it may have finished: look into the
 * store); -DRAINING, -STORE_FULL, -STORE_UNKNOWN. */
struct group_request {
    struct message message;
    struct id id;
    struct group_record *record;  /* runtime_open_group: id, created_at_us, and name and
                                   * deadline_at_us where given. Taken, and left empty */
    const struct key_record *key; /* runtime_open_group: or NULL; borrowed until done */
    char *text;               /* runtime_cancel_group: the message or NULL; borrowed until done */
    struct group_facts facts; /* how the group is then */
    void (*done)(struct group_request *request, int status);
    enum { GROUP_NEW, GROUP_CLOSE, GROUP_CANCEL } verb; /* from here on the runtime's own */
    int64_t at_us;
};
/* -TOO_MANY: as many groups go on as there may be open tasks; -REPEATED: the key is taken. [any] */
void runtime_open_group(struct runtime *runtime, struct group_request *request);
/* Leaves the `async with`: it takes no tasks any more, and finishes when all have ended. [any] */
void runtime_close_group(struct runtime *runtime, struct group_request *request);
/* Cancels who is inside of the `async with`: the group aborts. [any] */
void runtime_cancel_group(struct runtime *runtime, struct group_request *request);
void runtime_look_at_group(struct runtime *runtime, struct group_request *request); /* [any] */
/* As runtime_wait, for the end of a group: `done` gets NULL in any case, and the store has it. */
void runtime_wait_for_group(struct runtime *runtime, struct waiter *waiter); /* [any] */

/* ---- safe mode ---- */

/* After too many crashes no job runs and no timer fires, so that whoever is in charge can see to
 * what is to blame. What is stored can be read and deleted. Submissions get ERROR_SAFE_MODE;
 * cancellations are kept on disk until the jobs run; of open tasks nothing else is known. ENDING:
 * not for long, and it does not come back. */
enum safe_mode { SAFE_MODE_OFF, SAFE_MODE_ON, SAFE_MODE_ENDING };
enum safe_mode runtime_safe_mode(const struct runtime *runtime); /* [any] */
/* What the store said of this start. [any] */
const struct store_run *runtime_run(const struct runtime *runtime);

/* Ends it: all jobs run. done on a loop's thread: 0, with n_open; -CONFLICT: it is not on;
 * -DRAINING; -STORE_FULL, -NO_MEMORY: it is still on; -STORE_UNKNOWN, -SYSTEM: only another start
 * helps. */
struct resume_request {
    struct message message;
    void (*done)(struct resume_request *asked, int status);
    size_t n_open;           /* tasks that run */
    struct runtime *runtime; /* from here on the runtime's own */
    struct store_request request;
    int status;
};
void runtime_resume(struct runtime *runtime, struct resume_request *asked); /* [any] */

/* ---- figures, for /healthz and metrics [any] ---- */
struct runtime_stats {
    uint64_t open_tasks, submitted, finished;
};
void runtime_stats(struct runtime *runtime, struct runtime_stats *out);

#endif
