/* What stands between store.c, which queues and groups, and the backends, which keep. A backend's
 * own structure begins with a struct backend, its reader with a struct store_reader.
 *
 * `write`, `settle` and `close` are called by one thread at a time; readers by their own threads at
 * the same time as those. */
#ifndef AWAITD_RUNTIME_STORE_BACKEND_H
#define AWAITD_RUNTIME_STORE_BACKEND_H

#include "runtime/store/store.h"

struct backend {
    const struct backend_verbs *verbs;
    struct marks *marks; /* its reference; NULL: it has none */
};

struct store_reader {
    const struct backend_verbs *verbs;
};

struct backend_verbs {
    const char *kind;
    bool is_lasting; /* what is written is there when it is opened again */

    /* Carries out first and all that follow by node.next, in that order, as one transaction. 0: all
     * is kept for good, and each request->status says what came of it. Otherwise none of it was
     * done, for want of something that may come back (-STORE_FULL, -NO_MEMORY, -SYSTEM: call again
     * later); or nobody knows (-STORE_UNKNOWN: never call again). [writer] */
    int (*write)(struct backend *backend, struct store_request *first);
    /* After the completions of a write, and when nobody has wanted anything for a while (is_idle):
     * work that must be done some time, and that nobody should wait for. 0, or -STORE_UNKNOWN as
     * above. [writer] */
    int (*settle)(struct backend *backend, bool is_idle);
    /* Whether there is nothing for it to do while all is quiet. [writer] */
    bool (*is_settled)(const struct backend *backend);
    void (*close)(struct backend *backend);
    int (*lock)(const struct backend *backend); /* as store_lock; NULL: none */
    /* Room that is kept for what may not be refused; NULL: there is no such thing. Makes it, if it
     * is not there: false where there is too little. And gives it up: false if there was none.
     * [writer; main before it starts] */
    bool (*make_reserve)(struct backend *backend);
    bool (*give_up_reserve)(struct backend *backend);

    /* As in store.h. */
    int (*reader_open)(struct store_reader **out, struct backend *backend, struct error *e);
    void (*reader_close)(struct store_reader *reader);
    int (*get)(struct store_reader *reader, const struct id *id, unsigned parts,
               struct task_record **out, struct error *e);
    int (*list)(struct store_reader *reader, const struct store_filter *filter,
                struct task_record **records, size_t *n, struct error *e);
    int (*read_log)(struct store_reader *reader, const struct id *id, int64_t after, size_t limit,
                    void (*each)(void *context, const struct log_entry *entry), void *context,
                    struct error *e);
    int (*read_open)(struct store_reader *reader, const struct id *after, size_t max,
                     struct task_record **records, size_t *n, struct error *e);
    int (*read_group)(struct store_reader *reader, const struct id *group, const struct id *after,
                      bool with_outcomes, size_t max, struct task_record **records, size_t *n,
                      struct error *e);
    int (*next_futures)(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e);
    int (*read_futures)(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct future_record *record),
                        void *context, struct error *e);
    int (*read_clock)(struct store_reader *reader, struct clock_note *out, struct error *e);
    int (*read_ages)(struct store_reader *reader, const struct id *before, size_t max,
                     struct store_age *ages, size_t *n, struct error *e);
    int (*read_expired)(struct store_reader *reader, int64_t now_us, struct store_cursor *cursor,
                        size_t max, struct store_age *ages, size_t *n, bool *has_more,
                        struct error *e);
    int (*read_space)(struct store_reader *reader, struct store_space *out, struct error *e);
    int (*next_journal)(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e);
    int (*read_journal)(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct journal_row *row), void *context,
                        struct error *e);
    int (*get_key)(struct store_reader *reader, const char *scope, const char *key, int64_t now_us,
                   struct key_record **out, struct error *e);
    int (*get_document)(struct store_reader *reader, const char *kind, const char *name,
                        struct document **out, struct error *e);
    int (*list_documents)(struct store_reader *reader, const char *kind, const char *after,
                          size_t limit, struct document **documents, size_t *n, struct error *e);
    int (*backup)(struct backend *backend, struct store_backup *backup, struct error *e);
};

int sqlite_open(struct backend **out, const char *path, struct error *e);
int memory_open(struct backend **out, struct error *e);

/* The request that a queue's node is in; NULL for NULL. */
static inline struct store_request *request_of(struct mpsc_node *node)
{
    return node ? (struct store_request *)((char *)node - offsetof(struct store_request, node))
                : NULL;
}

static inline struct store_request *request_next(struct store_request *request)
{
    return request_of(request->node.next);
}

#endif
