#include "runtime/group.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/exception.h"
#include "runtime/runtime_internal.h"
#include "schema/exception_type.h"

/* ---- life ---- */

/* Of a new group; older versions kept no more than the time of the wall clock. */
static void note_due(struct group_facts *facts, const struct loop *loop)
{
    struct host *host = loop->host;
    if (facts->deadline_at_us && !facts->due_us)
        facts->due_us = loop_timeline(loop) + facts->deadline_at_us - host->wall_us(host);
}

struct group *group_new(struct runtime *runtime, struct group_record *record)
{
    struct group *group = memory_new_zeroed(1, sizeof *group);
    group->runtime = runtime;
    group->record = *record;
    *record = (struct group_record){0};
    note_due(&group->record.facts, &runtime->main->loop);
    id_format(&group->record.id, group->name);
    list_init(&group->waiters);
    chain_init(&group->waiting);
    return group;
}

void group_drop_results(struct group *group)
{
    for (size_t i = 0; i < group->n_members; i++)
        if (group->members[i].state == TASK_SUCCEEDED) {
            free(group->members[i].result);
            group->members[i].result = NULL;
        }
}

static void drop_errors(struct group *group)
{
    for (size_t i = 0; i < group->n_errors; i++) {
        free(group->errors[i]);
        group->errors[i] = NULL;
    }
}

void group_free(struct group *group)
{
    group_drop_results(group);
    drop_errors(group);
    free(group->members);
    free(group->errors);
    free(group->body);
    group_record_release(&group->record);
    free(group);
}

/* ---- members ---- */

/* How many have a smaller id. */
static size_t position_of(const struct group *group, const struct id *id)
{
    size_t low = 0, high = group->n_members;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_compare(&group->members[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct member *find_member(const struct group *group, const struct id *id)
{
    size_t i = position_of(group, id);
    bool is_there = i < group->n_members && id_compare(&group->members[i].id, id) == 0;
    return is_there ? &group->members[i] : NULL;
}

static void set_pending(struct group *group, struct member *member, bool is_pending)
{
    group->n_pending += is_pending;
    group->n_pending -= member->is_pending;
    member->is_pending = is_pending;
}

void group_note_start(struct group *group, const struct id *id)
{
    struct member *member = find_member(group, id);
    if (member && member->state == TASK_RUNNING)
        set_pending(group, member, false);
}

void group_add(struct group *group, const struct id *id, struct loop_thread *thread,
               bool is_pending)
{
    size_t at = position_of(group, id);
    if (group->n_members == group->capacity) {
        group->capacity = group->capacity ? group->capacity * 2 : 4;
        group->members = memory_resize(group->members, group->capacity * sizeof *group->members);
    }
    struct member *member = &group->members[at];
    memmove(member + 1, member, (group->n_members - at) * sizeof *member);
    *member = (struct member){.id = *id, .state = TASK_RUNNING, .thread = thread};
    set_pending(group, member, is_pending);
    group->n_members++;
    group->record.facts.counts[TASK_RUNNING]++;
}

void group_take_back(struct group *group, const struct id *id)
{
    struct member *member = find_member(group, id);
    if (!member || member->state != TASK_RUNNING)
        return;
    set_pending(group, member, false);
    group->n_members--;
    group->record.facts.counts[TASK_RUNNING]--;
    memmove(member, member + 1,
            (group->n_members - (size_t)(member - group->members)) * sizeof *member);
}

/* Results are kept for as long as they may become the group's. */
static void keep_result(struct group *group, struct member *member, const char *result)
{
    size_t max_size = group->runtime->options.max_result_bytes;
    bool was_too_large = group->results_size > max_size;
    group->results_size += strlen(result) + 1; /* and a comma or a bracket */
    member->result = NULL;
    if (group->results_size <= max_size && group->record.facts.state != GROUP_ABORTING)
        member->result = memory_text(result);
    else if (!was_too_large)
        group_drop_results(group);
}

bool group_note_end(struct group *group, const struct task_record *ended)
{
    struct member *member = find_member(group, &ended->id);
    if (!member || member->state != TASK_RUNNING)
        return false;
    set_pending(group, member, false);
    member->state = ended->state;
    member->result = NULL;
    group->record.facts.counts[TASK_RUNNING]--;
    group->record.facts.counts[ended->state]++;
    if (ended->state == TASK_SUCCEEDED)
        keep_result(group, member, ended->result ? ended->result : "null");
    else if (ended->state == TASK_CANCELLED)
        group->results_size += strlen("null,");
    return true;
}

/* {"type":"ValueError",… as runtime/exception.c writes it. */
static bool is_exception(const char *error)
{
    char type[UINT8_MAX + 1];
    size_t begin = strlen(error) < EXCEPTION_TYPE_AT ? 0 : EXCEPTION_TYPE_AT;
    size_t size = strcspn(error + begin, "\"");
    if (size >= sizeof type)
        return true;
    memcpy(type, error + begin, size);
    type[size] = '\0';
    return exception_type_is(type, "Exception");
}

void group_add_error(struct group *group, const struct task_record *failed)
{
    const char *error = failed->error ? failed->error : "null";
    struct group_facts *facts = &group->record.facts;
    size_t max_size = group->runtime->options.max_result_bytes;
    if (!facts->has_failed)
        facts->failed_task = failed->id;
    facts->has_failed = true;
    if (group->n_errors == group->errors_capacity) {
        group->errors_capacity = group->errors_capacity ? group->errors_capacity * 2 : 4;
        group->errors =
            memory_resize(group->errors, group->errors_capacity * sizeof *group->errors);
    }
    group->has_base_error |= !is_exception(error);
    group->errors_size += strlen(error) + 1;
    if (group->errors_size > max_size)
        drop_errors(group);
    group->errors[group->n_errors++] = group->errors_size > max_size ? NULL : memory_text(error);
}

/* ---- state ---- */

static enum group_state live_state(const struct group *group)
{
    const struct group_facts *facts = &group->record.facts;
    if (facts->has_failed || facts->cancel_requested_at_us || group->is_timed_out)
        return GROUP_ABORTING;
    return facts->closed_at_us ? GROUP_CLOSING : GROUP_OPEN;
}

void group_update_state(struct group *group)
{
    group->record.facts.state = live_state(group);
}

struct group_facts group_visible_facts(const struct group *group)
{
    struct group_facts facts = group->record.facts;
    facts.state = live_state(group);
    facts.finished_at_us = 0;
    facts.counts[TASK_PENDING] += group->n_pending;
    facts.counts[TASK_RUNNING] -= group->n_pending;
    return facts;
}

bool group_is_complete(const struct group *group)
{
    return group->record.facts.state != GROUP_OPEN && group_count_running(group) == 0;
}

/* ---- the end ---- */

static void write_error_head(struct buffer *b, const char *type, const char *message)
{
    buffer_format(b, "{\"type\":\"%s\",\"message\":", type);
    buffer_json_string(b, message, strlen(message));
    buffer_text(b, ",\"path\":\"\"");
}

/* TaskGroup.__aexit__: raise BaseExceptionGroup("unhandled errors in a TaskGroup", errors) */
static void write_exception_group(struct buffer *b, const struct group *group)
{
    struct buffer message = {0};
    exception_write_group_message(&message, "unhandled errors in a TaskGroup", group->n_errors);
    write_error_head(b, group->has_base_error ? "BaseExceptionGroup" : "ExceptionGroup",
                     message.bytes ? message.bytes : "");
    b->failed |= message.failed;
    buffer_release(&message);
    buffer_text(b, ",\"exceptions\":[");
    for (size_t i = 0; i < group->n_errors && group->errors[i]; i++) {
        if (i)
            buffer_char(b, ',');
        buffer_text(b, group->errors[i]);
    }
    buffer_text(b, "]}");
}

/* The message is that of the CancelledError which aborted the group: after the deadline it was
 * another one, without a message. */
static void write_cancelled(struct buffer *b, const struct group_record *record)
{
    const struct group_facts *facts = &record->facts;
    bool came_late =
        facts->deadline_at_us && facts->deadline_at_us <= facts->cancel_requested_at_us;
    const char *message = record->cancel_message && !came_late ? record->cancel_message : "";
    write_error_head(b, "CancelledError", message);
    buffer_char(b, '}');
}

static void write_timed_out(struct buffer *b)
{
    write_error_head(b, "TimeoutError", "");
    buffer_text(b, ",\"context\":");
    write_error_head(b, "CancelledError", "");
    buffer_text(b, "}}");
}

static void write_results(struct buffer *b, const struct group *group)
{
    buffer_char(b, '[');
    for (size_t i = 0; i < group->n_members; i++) {
        const struct member *member = &group->members[i];
        if (i)
            buffer_char(b, ',');
        buffer_text(b, member->state == TASK_SUCCEEDED ? member->result : "null");
    }
    buffer_char(b, ']');
}

static void write_too_large(struct buffer *b, size_t size, size_t max_size)
{
    char message[120];
    snprintf(message, sizeof message, "the result has %zu bytes, more than the limit of %zu", size,
             max_size);
    write_error_head(b, "ResultTooLarge", message);
    buffer_char(b, '}');
}

/* An error of its own in the place of them when they are too many. */
static void write_errors(struct buffer *b, const struct group *group, size_t max_size)
{
    size_t size = group->errors_size;
    if (size <= max_size) {
        write_exception_group(b, group);
        size = b->size;
    }
    if (size <= max_size)
        return;
    buffer_release(b);
    write_too_large(b, size, max_size);
}

/* How it ends. The client's own cancellation wins over the timeout, as Timeout.__aexit__ finds that
 * the task was cancelled once more than by itself. */
static enum group_state write_outcome(struct buffer *b, const struct group *group, size_t max_size)
{
    size_t results_size = group->results_size + (group->n_members ? 1 : 2); /* brackets */
    if (group->n_errors) {
        write_errors(b, group, max_size);
        return GROUP_FAILED;
    }
    if (group->record.facts.cancel_requested_at_us) {
        write_cancelled(b, &group->record);
        return GROUP_CANCELLED;
    }
    if (group->is_timed_out || results_size > max_size) {
        group->is_timed_out ? write_timed_out(b) : write_too_large(b, results_size, max_size);
        return GROUP_FAILED;
    }
    write_results(b, group);
    return GROUP_SUCCEEDED;
}

void group_finish(struct group *group, size_t max_size, int64_t now_us)
{
    struct buffer outcome = {0};
    BUG_ON(!group_is_complete(group));
    group->record.facts.state = write_outcome(&outcome, group, max_size);
    group->record.facts.finished_at_us = now_us;
    group->record.outcome = memory_need(buffer_take(&outcome));
    group_drop_results(group);
    drop_errors(group);
}
