#include "runtime/group_record.h"

#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/buffer.h"
#include "schema/json.h"

static const char *const names[GROUP_STATES] = {
    [GROUP_OPEN] = "open",           [GROUP_CLOSING] = "closing", [GROUP_ABORTING] = "aborting",
    [GROUP_SUCCEEDED] = "succeeded", [GROUP_FAILED] = "failed",   [GROUP_CANCELLED] = "cancelled",
};

const char *group_state_name(enum group_state state)
{
    return names[state];
}

int group_state_parse(const char *name)
{
    for (int i = 0; i < GROUP_STATES; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

void group_record_release(struct group_record *record)
{
    free(record->name);
    free(record->cancel_message);
    free(record->outcome);
    *record = (struct group_record){0};
}

/* ---- writing ---- */

/* The outcome is the last member, so that a reader can leave it as the text that it is: it may be
 * large, and nested more deeply than our own JSON is. */
#define RESULT ",\"result\":"
#define ERROR ",\"error\":"

static void write_text(struct buffer *b, const char *key, const char *text)
{
    buffer_text(b, key);
    if (text)
        buffer_json_string(b, text, strlen(text));
    else
        buffer_text(b, "null");
}

static void write_time(struct buffer *b, const char *key, int64_t at_us)
{
    buffer_format(b, ",\"%s\":%lld", key, (long long)at_us);
}

static void write_facts(struct buffer *b, const struct group_facts *facts)
{
    char id[ID_TEXT_SIZE];
    id_format(&facts->failed_task, id);
    buffer_format(b, ",\"state\":\"%s\"", names[facts->state]);
    write_time(b, "closed_at", facts->closed_at_us);
    write_time(b, "finished_at", facts->finished_at_us);
    write_time(b, "deadline", facts->deadline_at_us);
    write_time(b, "due", facts->due_us);
    write_time(b, "cancel_requested_at", facts->cancel_requested_at_us);
    write_text(b, ",\"failed_task\":", facts->has_failed ? id : NULL);
    buffer_text(b, ",\"counts\":[");
    for (int i = 0; i < TASK_STATES; i++)
        buffer_format(b, i ? ",%zu" : "%zu", facts->counts[i]);
    buffer_char(b, ']');
}

char *group_record_write(const struct group_record *record)
{
    struct buffer b = {0};
    write_text(&b, "{\"name\":", record->name);
    write_text(&b, ",\"cancel_message\":", record->cancel_message);
    write_facts(&b, &record->facts);
    if (record->outcome) {
        buffer_text(&b, record->facts.state == GROUP_SUCCEEDED ? RESULT : ERROR);
        buffer_text(&b, record->outcome);
    }
    buffer_char(&b, '}');
    return buffer_take(&b);
}

/* ---- reading ---- */

/* Where the outcome's member begins, or the text's last brace. What is searched for cannot stand
 * inside a string, where each quote follows a backslash. */
static const char *find_outcome(const char *body)
{
    const char *result = strstr(body, RESULT), *error = strstr(body, ERROR);
    if (result && error)
        return result < error ? result : error;
    return result ? result : error ? error : strrchr(body, '}');
}

static int64_t read_time(const json_t *head, const char *key)
{
    return json_integer_value(json_object_get(head, key));
}

static char *read_text(const json_t *head, const char *key, bool *failed)
{
    const char *text = json_string_value(json_object_get(head, key));
    char *copy = text ? allocate_text(text) : NULL;
    *failed |= text && !copy;
    return copy;
}

static void read_facts(struct group_facts *facts, const json_t *head)
{
    const char *failed = json_string_value(json_object_get(head, "failed_task"));
    const json_t *counts = json_object_get(head, "counts");
    facts->closed_at_us = read_time(head, "closed_at");
    facts->finished_at_us = read_time(head, "finished_at");
    facts->deadline_at_us = read_time(head, "deadline");
    facts->due_us = read_time(head, "due");
    facts->cancel_requested_at_us = read_time(head, "cancel_requested_at");
    facts->has_failed = failed && id_parse(failed, strlen(failed), &facts->failed_task);
    for (size_t i = 0; i < TASK_STATES; i++)
        facts->counts[i] = (size_t)json_integer_value(json_array_get(counts, i));
}

/* The members before the outcome; NULL when they are not what they should be. */
static json_t *read_head(const char *body, const char *end)
{
    struct buffer head = {0};
    json_t *object = NULL;
    buffer_add(&head, body, (size_t)(end - body));
    buffer_char(&head, '}');
    if (!head.failed)
        object = json_read(head.bytes, head.size, NULL);
    buffer_release(&head);
    return object;
}

/* From ,"result":… to the closing brace. */
static char *read_outcome(const char *at, bool *failed)
{
    if (*at != ',')
        return NULL;
    at = strchr(at, ':') + 1;
    char *copy = allocate_part(at, strlen(at) - 1);
    *failed |= !copy;
    return copy;
}

int group_record_read(struct group_record *out, const struct document *document, struct error *e)
{
    size_t n_failures = allocate_failures();
    const char *end = find_outcome(document->body);
    json_t *head = end ? read_head(document->body, end) : NULL;
    const char *state = json_string_value(json_object_get(head, "state"));
    bool failed = false;
    *out = (struct group_record){.facts.created_at_us = document->created_at_us};
    if (!state || group_state_parse(state) < 0 ||
        !id_parse(document->name, strlen(document->name), &out->id)) {
        json_decref(head);
        if (allocate_failures() != n_failures)
            return error_set(e, ERROR_NO_MEMORY, "out of memory");
        return error_set(e, ERROR_SYSTEM, "the stored group '%.100s' is damaged", document->name);
    }
    out->facts.state = (enum group_state)group_state_parse(state);
    read_facts(&out->facts, head);
    out->name = read_text(head, "name", &failed);
    out->cancel_message = read_text(head, "cancel_message", &failed);
    out->outcome = read_outcome(end, &failed);
    json_decref(head);
    return failed ? error_set(e, ERROR_NO_MEMORY, "out of memory") : 0;
}
