/* What is known of one submitted task, as it is stored, shown and handed between threads. A record
 * is immutable once a second thread can see it; the last reference frees it. [any] */
#ifndef AWAITD_RUNTIME_STORE_RECORD_H
#define AWAITD_RUNTIME_STORE_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/id.h"

enum task_state { TASK_PENDING, TASK_RUNNING, TASK_SUCCEEDED, TASK_FAILED, TASK_CANCELLED };
#define TASK_STATES 5

/* "pending" and so on. */
const char *task_state_name(enum task_state state);
/* The other way; -1 when there is no such state. */
int task_state_parse(const char *name);

static inline bool task_state_is_final(enum task_state state)
{
    return state >= TASK_SUCCEEDED;
}

/* deadline_at_us of a task whose timeout has no deadline at present, but may be given one. */
#define DEADLINE_NEVER INT64_MAX

/* Times are microseconds since the epoch; 0 = has not happened, or none. Texts are owned,
 * NUL-terminated, NULL when absent; those marked JSON are compact JSON text. `spec` and `trace` are
 * large and only there when asked for. */
struct task_record {
    atomic_uint refs;
    struct id id;
    enum task_state state;
    uint32_t starts; /* 1, and one more for every time that it was run again after a crash */
    int64_t created_at_us, started_at_us, finished_at_us;
    int64_t began_at_us;    /* as started, but on the database's own clock (runtime/timeline.h) */
    int64_t run_at_us;      /* when it is to begin, by the wall clock; 0: at once */
    int64_t start_at_us;    /* the same on the database's own clock, which then decides: of a
                             * delay; 0: the wall clock does */
    double timeout;         /* seconds, if has_timeout; INFINITY: none at first */
    bool has_timeout;       /* one was given with the submission */
    int64_t deadline_at_us; /* of that timeout; 0 before the task has begun */
    int64_t cancel_requested_at_us; /* the first request */
    int64_t ttl_us; /* kept for so long after its end, whatever --retain says; if has_ttl */
    bool has_ttl;
    struct id group; /* whose child it is, if has_group */
    bool has_group;
    bool has_futures; /* of an end: there may be values of its futures to forget */
    bool has_journal; /* and rows of its journal */
    char *loop;       /* the name of the loop that runs it; NULL for the main one */
    char *name;
    char *labels;         /* JSON object of strings, each as buffer_json_string writes it */
    char *cancel_message; /* of the first request; NULL when none was given */
    char *result;         /* JSON, when succeeded */
    char *error;          /* JSON, when failed or cancelled */
    char *unhandled;      /* JSON array of errors that nobody awaited; NULL for none */
    char *spec;           /* JSON */
    void *trace; /* states and times of the tree's nodes (runtime/trace.h), in full binary */
    size_t trace_size;
};

/* All zero but one reference; NULL when out of memory. */
struct task_record *task_record_new(void);
/* One of the caller's own, without spec and trace; NULL when out of memory. */
struct task_record *task_record_copy(const struct task_record *from);
struct task_record *task_record_ref(struct task_record *record);
void task_record_unref(struct task_record *record); /* NULL is fine */

/* One line of a task's log. `seq` counts from 1 within the task, through all of its starts. */
struct log_entry {
    struct id task;
    int64_t seq;
    int64_t at_us;
    const char *level;  /* "debug", "info", "warning", "error" */
    const char *stream; /* "log", or "awaitd" for what the server itself says */
    const char *path;   /* JSON Pointer of the node */
    const char *message;
};

#endif
