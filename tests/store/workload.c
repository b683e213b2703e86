#include "tests/store/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void workload_init(struct workload *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->chance = chance_of(seed, 1);
    w->now_us = 1700000000000000;
}

/* ---- parts ---- */

/* JSON of about that size. */
static char *text_of(size_t size, char filler)
{
    char *text = malloc(size + 3);
    memset(text, filler, size + 2);
    text[0] = text[size + 1] = '"';
    text[size + 2] = '\0';
    return text;
}

/* Mostly small, sometimes larger than a page, or many. */
static size_t any_size(struct workload *w)
{
    static const size_t most[] = {30, 30, 30, 600, 600, 5000, 60000};
    return chance_below(&w->chance, most[chance_below(&w->chance, sizeof most / sizeof *most)]);
}

/* A task that is under way (or has ended, if wanted); -1 when none was hit upon. */
static int pick(struct workload *w, bool has_ended)
{
    for (int tries = 0; w->n_tasks > 0 && tries < 30; tries++) {
        unsigned n = (unsigned)chance_below(&w->chance, w->n_tasks);
        if (!w->tasks[n].is_deleted && w->tasks[n].has_ended == has_ended)
            return (int)n;
    }
    return -1;
}

static const char *name_of(struct workload *w, const char *what, uint64_t n)
{
    char *text = w->texts[w->n_texts++ % WORKLOAD_TEXTS];
    snprintf(text, sizeof w->texts[0], "%s%u", what, (unsigned)n);
    return text;
}

/* ---- verbs: each NULL when there is nothing for it to do ---- */

static struct task_record *end_of(struct workload *w, unsigned n)
{
    struct task_record *end =
        task_end(n, (enum task_state)(TASK_SUCCEEDED + chance_below(&w->chance, 3)));
    char **text = end->state == TASK_SUCCEEDED ? &end->result : &end->error;
    free(*text);
    *text = text_of(any_size(w), 'r');
    end->has_futures = end->has_journal = true;
    w->tasks[n].has_ended = true;
    if (chance_percent(&w->chance, 30))
        set_text(&end->unhandled, "[]");
    if (chance_percent(&w->chance, 30)) {
        end->trace_size = 1 + any_size(w);
        end->trace = calloc(1, end->trace_size);
    }
    return end;
}

struct write *workload_large(struct workload *w, size_t size)
{
    unsigned n = w->n_tasks++;
    struct task_record *task = task_new(n);
    free(task->spec);
    task->spec = text_of(size, 's');
    return write_new(STORE_INSERT, task);
}

static struct write *insert_task(struct workload *w)
{
    if (w->n_tasks == WORKLOAD_TASKS)
        return NULL;
    unsigned n = w->n_tasks;
    struct write *write = workload_large(w, any_size(w));
    struct task_record *task = write->request.record;
    if (chance_percent(&w->chance, 50))
        set_text(&task->name, "name");
    if (chance_percent(&w->chance, 50))
        set_text(&task->labels, "{\"k\":\"v\",\"x\":\"y\"}");
    if (chance_percent(&w->chance, 30))
        set_text(&task->loop, "a");
    task->has_group = chance_percent(&w->chance, 30);
    task->group = id_of(1000000);
    if (chance_percent(&w->chance, 20)) {
        task->run_at_us = task->start_at_us = w->now_us + 5;
        task->has_timeout = true;
        task->timeout = 0.1;
    } else if (chance_percent(&w->chance, 20)) {
        write->request.ended = end_of(w, n);
    }
    if (chance_percent(&w->chance, 30)) {
        write->key = (struct key_record){.scope = "", .at_us = w->now_us, .id = task->id};
        write->key.key = name_of(w, "key", chance_below(&w->chance, 100));
        write->key.answer = "{}";
        write->request.key = &write->key;
    }
    return write;
}

static struct write *finish_task(struct workload *w)
{
    int n = pick(w, false);
    return n < 0 ? NULL : write_new(STORE_FINISH, end_of(w, (unsigned)n));
}

static struct write *log_line_of(struct workload *w)
{
    int n = pick(w, false);
    if (n < 0)
        return NULL;
    struct id id = id_of((unsigned)n);
    int64_t seq = ++w->tasks[n].n_lines;
    return write_log(&id, seq, name_of(w, "line ", (uint64_t)seq));
}

static struct write *add_journal(struct workload *w)
{
    int n = pick(w, false);
    if (n < 0)
        return NULL;
    struct id id = id_of((unsigned)n);
    return write_journal(&id, (uint32_t)++w->tasks[n].n_rows, any_size(w));
}

static struct write *cancel_task(struct workload *w)
{
    int n = pick(w, false);
    return n < 0
               ? NULL
               : write_new(STORE_CANCEL, task_cancel((unsigned)n, w->now_us,
                                                     chance_percent(&w->chance, 50) ? "x" : NULL));
}

static struct write *reschedule_task(struct workload *w)
{
    int n = pick(w, false);
    if (n < 0)
        return NULL;
    struct write *write = write_new(STORE_RESCHEDULE, task_cancel((unsigned)n, 0, NULL));
    write->request.record->deadline_at_us = w->now_us;
    return write;
}

static struct write *delete_task(struct workload *w)
{
    int n = pick(w, true);
    if (n < 0)
        return NULL;
    w->tasks[n].is_deleted = true;
    return write_new(STORE_DELETE, task_cancel((unsigned)n, 0, NULL));
}

/* Some that have ended, and maybe one that has not, and stays. */
static struct write *forget_tasks(struct workload *w)
{
    struct write *write = write_new(STORE_FORGET, NULL);
    for (int i = 0; i < 3; i++) {
        bool has_ended = i < 2;
        int n = pick(w, has_ended);
        if (n < 0)
            continue;
        w->tasks[n].is_deleted |= has_ended;
        write->ids[write->request.n_ids++] = id_of((unsigned)n);
    }
    write->request.ids = write->ids;
    return write;
}

static struct write *put_document(struct workload *w)
{
    const char *name = name_of(w, "document", chance_below(&w->chance, 5));
    return write_document(STORE_PUT, "loop", name, name_of(w, "", chance_below(&w->chance, 1000)),
                          w->now_us);
}

static struct write *remove_document(struct workload *w)
{
    return write_document(STORE_REMOVE, "loop", name_of(w, "document", chance_below(&w->chance, 5)),
                          NULL, 0);
}

static struct write *set_future(struct workload *w)
{
    int n = pick(w, false);
    unsigned which = (unsigned)chance_below(&w->chance, 4);
    if (n < 0 || w->tasks[n].futures & 1u << which)
        return NULL;
    w->tasks[n].futures |= 1u << which;
    return write_future((struct future_record){.task = id_of((unsigned)n),
                                               .name = name_of(w, "future", which),
                                               .result = name_of(w, "", which)});
}

static struct write *drop_future(struct workload *w)
{
    int n = pick(w, false);
    unsigned which = (unsigned)chance_below(&w->chance, 4);
    if (n < 0 || !(w->tasks[n].futures & 1u << which))
        return NULL;
    w->tasks[n].futures &= ~(1u << which);
    return write_future(
        (struct future_record){.task = id_of((unsigned)n), .name = name_of(w, "future", which)});
}

static struct write *start_task(struct workload *w)
{
    int n = pick(w, false);
    if (n < 0)
        return NULL;
    struct task_record *task = task_cancel((unsigned)n, 0, NULL);
    task->state = TASK_RUNNING;
    task->started_at_us = task->began_at_us = w->now_us;
    return write_new(STORE_START, task);
}

static struct write *note_clock(struct workload *w)
{
    struct write *write = write_new(STORE_CLOCK, NULL);
    write->clock = (struct clock_note){.reading = {"boot", w->now_us, w->now_us}};
    write->clock.timeline_us = w->now_us;
    write->request.clock = &write->clock;
    return write;
}

/* Of a server. */
static struct write *go_on_with_run(struct workload *w)
{
    static const enum store_verb verbs_of_runs[] = {STORE_BEGIN_RUN, STORE_BEGIN_JOBS,
                                                    STORE_BEGIN_JOBS, STORE_END_RUN};
    struct write *write = write_new(verbs_of_runs[chance_below(&w->chance, 4)], NULL);
    write->run = (struct store_run){.now_us = w->now_us, .window_us = 60000000};
    write->request.run = &write->run;
    return write;
}

/* ---- batches ---- */

/* How often each, of those that can. */
static const struct {
    struct write *(*make)(struct workload *w);
    unsigned weight;
} verbs[] = {
    {insert_task, 30}, {log_line_of, 20}, {finish_task, 15},    {put_document, 10},
    {set_future, 10},  {drop_future, 5},  {cancel_task, 5},     {reschedule_task, 5},
    {delete_task, 8},  {add_journal, 15}, {remove_document, 3}, {go_on_with_run, 8},
    {start_task, 8},   {forget_tasks, 3}, {note_clock, 5},
};

static struct write *any_write(struct workload *w)
{
    unsigned total = 0;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        total += verbs[i].weight;
    for (;;) {
        unsigned at = (unsigned)chance_below(&w->chance, total);
        size_t i = 0;
        for (; at >= verbs[i].weight; i++)
            at -= verbs[i].weight;
        struct write *write = verbs[i].make(w);
        if (write)
            return write;
    }
}

size_t workload_next(struct workload *w, struct write **batch)
{
    size_t n = 1 + chance_below(&w->chance, WORKLOAD_BATCH - 2);
    w->now_us += 1000;
    if (chance_percent(&w->chance, 10)) { /* which makes way for others */
        batch[0] = write_new(STORE_SHRINK, NULL);
        return 1;
    }
    for (size_t i = 0; i < n; i++)
        batch[i] = any_write(w);
    return n;
}
