/* What the loops tell the operator: errors that nobody awaited, and turns that took too long. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/exception.h"
#include "runtime/host/host_post.h"
#include "runtime/runtime_internal.h"
#include "schema/json.h"

/* ---- unhandled errors ---- */

static const char *text_of(const json_t *error, const char *key)
{
    const char *text = json_string_value(json_object_get(error, key));
    return text ? text : "";
}

/* asyncio's default exception handler. */
static void log_unhandled(const struct job *job, const char *json, size_t size)
{
    char id[ID_TEXT_SIZE];
    const char *name = job->record->name;
    json_t *error = json_read(json, size, NULL);
    id_format(&job->record->id, id);
    log_line(LOG_ERROR, "task %s%s%s%s: exception was never retrieved, at '%s': %s: %s", id,
             name ? " (" : "", name ? name : "", name ? ")" : "", text_of(error, "path"),
             text_of(error, "type"), text_of(error, "message"));
    json_decref(error);
}

static void post_unhandled(const struct loop_thread *thread, const struct job *job,
                           const char *json, size_t size)
{
    struct host *host = thread->loop.host;
    struct buffer body = {0};
    char id[ID_TEXT_SIZE];
    const char *name = job->record->name;
    id_format(&job->record->id, id);
    buffer_text(&body, "{\"loop\":");
    buffer_json_string(&body, thread->name, strlen(thread->name));
    buffer_format(&body, ",\"task\":\"%s\",\"name\":", id);
    if (name)
        buffer_json_string(&body, name, strlen(name));
    else
        buffer_text(&body, "null");
    buffer_text(&body, ",\"error\":");
    buffer_add(&body, json, size);
    buffer_text(&body, ",\"time\":");
    buffer_json_time(&body, host->wall_us(host));
    buffer_char(&body, '}');
    char *text = buffer_take(&body);
    if (text)
        poster_post(thread->runtime->options.poster, thread->handler, text);
}

static void log_more(const struct job *job)
{
    char id[ID_TEXT_SIZE];
    id_format(&job->record->id, id);
    log_line(LOG_ERROR,
             "task %s: there are more exceptions that were never retrieved: see its "
             "'unhandled'",
             id);
}

/* So many of one job are told one by one; all of them are listed on the job. */
#define REPORTS_MAX 1000

void loop_thread_report_unhandled(void *context, struct job *job, const struct value *exception)
{
    const struct loop_thread *thread = context;
    struct buffer json = {0};
    if (job->n_unhandled > REPORTS_MAX) {
        if (job->n_unhandled == REPORTS_MAX + 1)
            log_more(job);
        return;
    }
    exception_write(&json, exception);
    if (json.failed)
        return;
    log_unhandled(job, json.bytes, json.size);
    if (thread->handler && thread->runtime->options.poster)
        post_unhandled(thread, job, json.bytes, json.size);
    buffer_release(&json);
}

/* ---- slow turns ---- */

/* Where the job's last step was: what ran longest is likely to be the last thing that ran. */
static void write_place(const struct job *job, struct buffer *out)
{
    buffer_format(out, "%s at '", job->plan->nodes[job->last_node].shape->name);
    plan_path(job->plan, job->last_node, out);
    buffer_char(out, '\'');
}

void loop_thread_report_slow(void *context, struct job *job, int64_t took_ns)
{
    char id[ID_TEXT_SIZE];
    struct buffer place = {0};
    const char *name = job->record->name;
    (void)context;
    id_format(&job->record->id, id);
    write_place(job, &place);
    log_line(LOG_WARNING, "task %s%s%s%s: a turn took %.3f seconds: %s", id, name ? " (" : "",
             name ? name : "", name ? ")" : "", (double)took_ns / 1e9,
             place.bytes ? place.bytes : "");
    buffer_release(&place);
}
