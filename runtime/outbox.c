/* What a round of a loop leaves behind: for the store as one piece, which is on disk as a whole or
 * not at all, and after that for other loops. */
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/runtime_internal.h"

void loop_thread_queue_request(struct loop_thread *thread, struct store_request *request)
{
    chain_add(&thread->outbox, &request->node);
}

/* ---- the journals ---- */

/* The new entries of all jobs on their way through the writer and back. */
struct journal_flush {
    struct store_request request;
    struct message message;
    struct loop_thread *thread;
    struct journal_row *rows;
    size_t n_rows;
    uint64_t number;
    int status;
};

static void handle_flush(struct loop *loop, struct message *message)
{
    struct journal_flush *flush = CONTAINER_OF(message, struct journal_flush, message);
    loop_thread_of(loop)->n_requests--;
    if (flush->status == 0)
        loop->journals.n_stored = flush->number;
    for (size_t i = 0; i < flush->n_rows; i++) {
        struct job *job = flush->status == 0 ? loop_find(loop, &flush->rows[i].task) : NULL;
        if (job && job->phase != JOB_ENDED)
            job_release_held(job);
        free(flush->rows[i].entries);
    }
    free(flush->rows);
    free(flush);
}

/* [writer] */
static void flush_stored(struct store_request *request, int status)
{
    struct journal_flush *flush = CONTAINER_OF(request, struct journal_flush, request);
    flush->status = status;
    flush->message.handle = handle_flush;
    loop_thread_post(flush->thread, &flush->message);
}

static void queue_journals(struct loop_thread *thread)
{
    size_t n_rows;
    struct journal_row *rows = journal_collect(&thread->loop, &n_rows);
    if (!rows)
        return;
    struct journal_flush *flush = memory_new_zeroed(1, sizeof *flush);
    flush->thread = thread;
    flush->rows = rows;
    flush->n_rows = n_rows;
    flush->number = thread->loop.journals.n_flushes;
    flush->request = (struct store_request){
        .verb = STORE_JOURNAL, .rows = rows, .n_rows = n_rows, .done = flush_stored};
    thread->n_requests++;
    loop_thread_queue_request(thread, &flush->request);
}

/* ---- other loops ---- */

void loop_thread_post_later(struct loop_thread *from, struct loop_thread *to,
                            struct message *message)
{
    if (from->n_parcels == from->n_parcels_max) {
        from->n_parcels_max = from->n_parcels_max ? 2 * from->n_parcels_max : 16;
        from->parcels = memory_resize(from->parcels, from->n_parcels_max * sizeof *from->parcels);
    }
    from->parcels[from->n_parcels++] = (struct parcel){to, message};
}

void loop_thread_send_parcels(struct loop_thread *thread)
{
    for (size_t i = 0; i < thread->n_parcels; i++)
        loop_thread_post(thread->parcels[i].to, thread->parcels[i].message);
    thread->n_parcels = 0;
}

/* ---- the end of a round ---- */

/* How the clocks stand goes along with what is written anyway. */
static void note_clock(struct loop_thread *thread)
{
    const struct timeline *timeline = &thread->runtime->timeline;
    struct store_request *note =
        thread->outbox.first ? timeline_write(timeline, &thread->clock_written_ns) : NULL;
    if (note)
        loop_thread_queue_request(thread, note);
}

void loop_thread_flush(struct loop_thread *thread)
{
    queue_journals(thread);
    note_clock(thread);
    struct mpsc_node *first = chain_take_all(&thread->outbox);
    for (struct mpsc_node *node = first; node; node = node->next) {
        struct store_request *request = CONTAINER_OF(node, struct store_request, node);
        if (request->verb == STORE_INSERT)
            loop_thread_insertion_leaves(request);
    }
    if (first)
        store_submit_all(thread->runtime->store, CONTAINER_OF(first, struct store_request, node));
    loop_thread_send_parcels(thread);
}
