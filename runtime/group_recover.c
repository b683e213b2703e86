/* The start after a stop: groups that had not finished go on with what is on disk of them. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/memory.h"
#include "runtime/groups.h"
#include "runtime/runtime_internal.h"

#define GROUPS_PAGE 16 /* finished ones are read too, and may have large results */
#define TASKS_PAGE 100

/* What is read of one group. */
struct reading {
    struct group *group;
    struct task_record **failed; /* with references */
    size_t n_failed, capacity;
    int64_t last_end_us;
};

static void keep_failed(struct reading *reading, struct task_record *record)
{
    if (reading->n_failed == reading->capacity) {
        reading->capacity = reading->capacity ? reading->capacity * 2 : 16;
        reading->failed =
            memory_resize(reading->failed, reading->capacity * sizeof *reading->failed);
    }
    reading->failed[reading->n_failed++] = task_record_ref(record);
}

/* Those that have not ended run again on the loop that recover.c has put them on. */
static void add_task(struct reading *reading, struct task_record *record)
{
    struct group *group = reading->group;
    struct loop_thread *thread = runtime_find_loop(group->runtime, record->loop);
    group_add(group, &record->id, thread ? thread : group->runtime->main,
              record->state == TASK_PENDING);
    if (!task_state_is_final(record->state))
        return;
    group_note_end(group, record);
    if (record->state == TASK_FAILED)
        keep_failed(reading, record);
    if (record->finished_at_us > reading->last_end_us)
        reading->last_end_us = record->finished_at_us;
}

static int read_tasks(struct reading *reading, struct store_reader *reader, struct error *e)
{
    struct task_record *page[TASKS_PAGE];
    const struct id *group = &reading->group->record.id;
    struct id last = {{0}};
    size_t n;
    int status;
    do {
        status = store_read_group(reader, group, &last, true, TASKS_PAGE, page, &n, e);
        for (size_t i = 0; status == 0 && i < n; i++) {
            last = page[i]->id;
            add_task(reading, page[i]);
            task_record_unref(page[i]);
        }
    } while (status == 0 && n == TASKS_PAGE);
    return status;
}

static int compare_ends(const void *a, const void *b)
{
    const struct task_record *x = *(struct task_record *const *)a;
    const struct task_record *y = *(struct task_record *const *)b;
    if (x->finished_at_us != y->finished_at_us)
        return x->finished_at_us < y->finished_at_us ? -1 : 1;
    return id_compare(&x->id, &y->id);
}

static void take_errors(struct reading *reading)
{
    if (reading->n_failed)
        qsort(reading->failed, reading->n_failed, sizeof *reading->failed, compare_ends);
    for (size_t i = 0; i < reading->n_failed; i++) {
        group_add_error(reading->group, reading->failed[i]);
        task_record_unref(reading->failed[i]);
    }
    free(reading->failed);
}

/* Whether the deadline passed before all was over. */
static bool is_timed_out(const struct reading *reading)
{
    const struct group_facts *facts = &reading->group->record.facts;
    int64_t over_us =
        facts->closed_at_us > reading->last_end_us ? facts->closed_at_us : reading->last_end_us;
    if (!facts->deadline_at_us)
        return false;
    if (facts->closed_at_us && group_count_running(reading->group) == 0)
        return facts->deadline_at_us <= over_us;
    return facts->due_us <= loop_timeline(&reading->group->runtime->main->loop);
}

struct cancelling {
    struct message message;
    struct id id;
};

static void handle_cancelling(struct loop *loop, struct message *message)
{
    struct cancelling *cancelling = CONTAINER_OF(message, struct cancelling, message);
    struct job *job = loop_find(loop, &cancelling->id);
    if (job)
        loop_run_until_idle(loop, job);
    job = loop_find(loop, &cancelling->id);
    if (job && job->phase != JOB_ENDED)
        loop_thread_cancel_job(job, NULL);
    free(cancelling);
}

/* On their loops, once they are where they stood. Of those that have had a request of their own the
 * start knows. */
static void cancel_tasks(struct group *group)
{
    for (size_t i = 0; i < group->n_members; i++) {
        const struct member *member = &group->members[i];
        struct job *job = NULL;
        if (member->state == TASK_RUNNING)
            job = loop_find(&member->thread->loop, &member->id);
        if (!job || job->record->cancel_requested_at_us)
            continue;
        struct cancelling *cancelling = memory_new(sizeof *cancelling);
        *cancelling = (struct cancelling){{.handle = handle_cancelling}, member->id};
        loop_thread_post(member->thread, &cancelling->message);
    }
}

static void go_on(struct reading *reading)
{
    struct group *group = reading->group;
    enum group_state stored = group->record.facts.state;
    group->is_timed_out = is_timed_out(reading);
    group_update_state(group);
    group->is_changed = group->record.facts.state != stored;
    groups_put(&group->runtime->groups, group);
    group->runtime->groups.n_open++;
    if (group->record.facts.state == GROUP_ABORTING) {
        group_drop_results(group);
        cancel_tasks(group);
    }
    group_arm_deadline(group);
    group_go_on(group);
}

/* A damaged one is left alone. Whether it goes on is counted. */
static int recover_group(struct runtime *runtime, struct store_reader *reader,
                         const struct document *document, size_t *n_open, struct error *e)
{
    struct group_record record;
    struct reading reading = {0};
    int status = group_record_read(&record, document, e);
    if (status < 0 || group_state_is_final(record.facts.state)) {
        group_record_release(&record);
        if (status == -ERROR_SYSTEM)
            log_line(LOG_ERROR, "%s", e->text);
        return status == -ERROR_SYSTEM ? 0 : status;
    }
    memset(record.facts.counts, 0, sizeof record.facts.counts);
    record.facts.has_failed = false;
    reading.group = group_new(runtime, &record);
    status = read_tasks(&reading, reader, e);
    take_errors(&reading);
    if (status < 0) {
        group_free(reading.group);
        return status;
    }
    go_on(&reading);
    ++*n_open;
    return 0;
}

/* Those that come after *after, which is moved on. */
static int recover_page(struct runtime *runtime, struct store_reader *reader, char **after,
                        size_t *n, size_t *n_open, struct error *e)
{
    struct document *page[GROUPS_PAGE];
    int status = store_list_documents(reader, GROUP_KIND, *after, GROUPS_PAGE, page, n, e);
    if (status < 0)
        return status;
    for (size_t i = 0; i < *n; i++) {
        if (status == 0)
            status = recover_group(runtime, reader, page[i], n_open, e);
        if (i == *n - 1) {
            free(*after);
            *after = memory_text(page[i]->name);
        }
        document_free(page[i]);
    }
    return status;
}

int groups_recover(struct runtime *runtime, struct error *e)
{
    struct store_reader *reader;
    char *last = NULL;
    size_t n = 0, n_open = 0;
    int status = store_reader_open(&reader, runtime->store, e);
    if (status < 0)
        return status;
    do
        status = recover_page(runtime, reader, &last, &n, &n_open, e);
    while (status == 0 && n == GROUPS_PAGE);
    free(last);
    store_reader_close(reader);
    if (n_open)
        log_line(LOG_INFO, "groups that go on, since they had not finished: %zu", n_open);
    return status;
}
