/* What the parts of the memory backend share: memory.c writes, memory_read.c reads and finds,
 * memory_documents.c, memory_futures.c and so on do all of it for what their names say. Nobody else
 * includes this. */
#ifndef AWAITD_RUNTIME_STORE_MEMORY_H
#define AWAITD_RUNTIME_STORE_MEMORY_H

#include <pthread.h>

#include "runtime/base/list.h"
#include "runtime/store/backend.h"

/* The record in a task is seen by readers, so a change makes a new one. The large parts stand
 * beside it, as only who asks for them gets a copy. */
struct memory_task {
    struct task_record *record;
    char *spec;
    void *trace;
    size_t trace_size;
    struct log_entry *log; /* sorted by seq; texts are owned */
    size_t n_log, log_capacity;
    struct future_record *futures; /* sorted by name; texts are owned */
    size_t n_futures, future_capacity;
};

struct memory_keys {
    struct memory_key **buckets; /* chains; NULL before the first one */
    size_t n, n_buckets;
    struct list in_order; /* of their coming */
};

struct memory {
    struct backend base;
    pthread_rwlock_t lock;
    struct memory_task **tasks; /* sorted by id */
    size_t n, capacity;
    struct document **documents; /* sorted by kind and name */
    size_t n_documents, document_capacity;
    struct clock_note clock; /* if has_clock */
    bool has_clock;
    struct memory_run {
        int64_t started_at_us;
        bool after_crash, ran_jobs, in_order;
    } * runs;
    size_t n_runs, run_capacity;
    struct memory_keys keys;
    struct key_sweep sweep;
};

/* ---- memory.c ---- */

/* A finished task goes. 0, or -NOT_FOUND or -CONFLICT. */
int memory_forget(struct memory *m, const struct id *id);

/* The array, moved if need be, with room for one more element; NULL when out of memory, and then it
 * is as it was. */
void *memory_with_room(void *array, size_t n, size_t *capacity, size_t element_size);

/* ---- memory_documents.c; the writer's, who holds the lock: statuses ---- */

int memory_put(struct memory *m, struct store_request *request);
int memory_remove(struct memory *m, struct store_request *request);
void memory_free_documents(struct memory *m);

/* ---- memory_futures.c: the same ---- */

int memory_set_future(struct memory *m, struct store_request *request);
int memory_drop_future(struct memory *m, struct store_request *request);
int memory_add_journal(struct memory *m, struct store_request *request);
void memory_drop_futures(struct memory_task *task);

/* ---- memory_retention.c: the same ---- */

int memory_forget_all(struct memory *m, struct store_request *request);
int memory_shrink(struct memory *m, struct store_request *request);

/* ---- memory_runs.c: the same ---- */

int memory_begin_run(struct memory *m, struct store_request *request);
int memory_begin_jobs(struct memory *m, struct store_request *request);
int memory_end_run(struct memory *m, struct store_request *request);
/* ---- memory_keys.c; the same ---- */

int memory_use_key(struct memory *m, const struct key_record *given);
/* Takes that back. */
void memory_free_key(struct memory *m, const struct key_record *given);
/* Removes some of what is no longer kept, if it is time to. */
void memory_sweep_keys(struct memory *m, int64_t now_us);
void memory_free_keys(struct memory *m);

/* ---- memory_read.c; the caller holds the lock ---- */

/* How many tasks have smaller ids: where this one stands, or would. */
size_t memory_position(const struct memory *m, const struct id *id);
/* Where the tasks with greater ids begin; NULL: all. */
size_t memory_position_after(const struct memory *m, const struct id *id);
/* NULL when there is none. */
struct memory_task *memory_find(const struct memory *m, const struct id *id);
/* How many lines have smaller numbers. */
size_t memory_log_position(const struct memory_task *task, int64_t seq);

/* NULL for NULL; sets *failed when out of memory, and never clears it. */
char *memory_copy_text(const char *text, bool *failed);
void *memory_copy_bytes(const void *bytes, size_t size, bool *failed);

/* ---- memory_read.c: for readers ---- */

struct memory *memory_lock_for_reading(struct store_reader *reader);
int memory_no_memory(struct error *e);

/* ---- the readers' verbs ---- */

int memory_reader_open(struct store_reader **out, struct backend *backend, struct error *e);
void memory_reader_close(struct store_reader *reader);
int memory_get(struct store_reader *reader, const struct id *id, unsigned parts,
               struct task_record **out, struct error *e);
int memory_list(struct store_reader *reader, const struct store_filter *filter,
                struct task_record **records, size_t *n, struct error *e);
int memory_read_log(struct store_reader *reader, const struct id *id, int64_t after, size_t limit,
                    void (*each)(void *context, const struct log_entry *entry), void *context,
                    struct error *e);
int memory_read_open(struct store_reader *reader, const struct id *after, size_t max,
                     struct task_record **records, size_t *n, struct error *e);
int memory_read_group(struct store_reader *reader, const struct id *group, const struct id *after,
                      bool with_outcomes, size_t max, struct task_record **records, size_t *n,
                      struct error *e);
int memory_next_futures(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e);
int memory_read_futures(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct future_record *record),
                        void *context, struct error *e);
int memory_read_clock(struct store_reader *reader, struct clock_note *out, struct error *e);
int memory_next_journal(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e);
int memory_read_journal(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct journal_row *row), void *context,
                        struct error *e);
int memory_get_key(struct store_reader *reader, const char *scope, const char *key, int64_t now_us,
                   struct key_record **out, struct error *e);
int memory_get_document(struct store_reader *reader, const char *kind, const char *name,
                        struct document **out, struct error *e);
int memory_list_documents(struct store_reader *reader, const char *kind, const char *after,
                          size_t limit, struct document **documents, size_t *n, struct error *e);
int memory_read_ages(struct store_reader *reader, const struct id *before, size_t max,
                     struct store_age *ages, size_t *n, struct error *e);
int memory_read_expired(struct store_reader *reader, int64_t now_us, struct store_cursor *cursor,
                        size_t max, struct store_age *ages, size_t *n, bool *has_more,
                        struct error *e);
int memory_read_space(struct store_reader *reader, struct store_space *out, struct error *e);
int memory_backup(struct backend *backend, struct store_backup *backup, struct error *e);

#endif
