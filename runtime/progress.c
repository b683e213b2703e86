#include "runtime/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "schema/allocate.h"
#include "schema/utf8.h"

/* ---- what is reported ---- */

static void tell(struct job *job, double fraction, const char *message)
{
    const struct loop_events *events = job->loop->events;
    if (!events->progressed || job->phase == JOB_ENDED)
        return;
    job->has_progress = true;
    events->progressed(job->loop->context, job, fraction, message);
}

void job_report_progress(struct job *job, double fraction, const char *message)
{
    if (job->counting)
        fraction = NAN;
    if (message || !isnan(fraction))
        tell(job, fraction < 0 ? 0 : fraction > 1 ? 1 : fraction, message);
}

void job_count_begin(struct job *job, struct frame *frame)
{
    if (job->counting)
        return;
    job->counting = frame;
    tell(job, 0, NULL);
}

/* Of many items, only every thousandth part is worth telling. */
#define COUNT_STEPS 1000

void job_count(struct job *job, struct frame *frame, size_t n_done, size_t n)
{
    if (job->counting != frame)
        return;
    if (n <= COUNT_STEPS || n_done * COUNT_STEPS / n != (n_done - 1) * COUNT_STEPS / n)
        tell(job, (double)n_done / (double)n, NULL);
}

void job_count_end(struct job *job, struct frame *frame)
{
    if (job->counting == frame)
        job->counting = NULL;
}

#define MARK "::progress "

bool progress_parse(const char *line, double *fraction, const char **message)
{
    char *end;
    if (strncmp(line, MARK, strlen(MARK)) != 0)
        return false;
    const char *number = line + strlen(MARK);
    if (strspn(number, "0123456789.") == 0)
        return false; /* strtod would take blanks, signs and words */
    *fraction = strtod(number, &end);
    if (*end != '\0' && *end != ' ')
        return false;
    *message = *end ? end + 1 : end;
    return *fraction >= 0 && *fraction <= 1;
}

/* ---- the table ---- */

#define BUCKETS_MIN 64

struct progress_entry {
    struct progress_entry *next;
    struct id id;
    double fraction;
    char *message; /* NULL: none */
};

int progress_table_init(struct progress_table *table)
{
    *table = (struct progress_table){.n_buckets = BUCKETS_MIN};
    table->buckets = allocate_zeroed(BUCKETS_MIN, sizeof *table->buckets);
    pthread_mutex_init(&table->lock, NULL);
    return table->buckets ? 0 : -1;
}

static void entry_free(struct progress_entry *entry)
{
    free(entry->message);
    free(entry);
}

void progress_table_release(struct progress_table *table)
{
    if (!table->buckets)
        return;
    for (size_t i = 0; i < table->n_buckets; i++) {
        while (table->buckets[i]) {
            struct progress_entry *entry = table->buckets[i];
            table->buckets[i] = entry->next;
            entry_free(entry);
        }
    }
    free(table->buckets);
    pthread_mutex_destroy(&table->lock);
}

/* The last eight bytes of an id are random (schema/id.h). */
static size_t bucket_of(const struct progress_table *table, const struct id *id)
{
    uint64_t random;
    memcpy(&random, id->bytes + 8, sizeof random);
    return (size_t)(random >> 8) & (table->n_buckets - 1);
}

/* Where the entry hangs, or would. */
static struct progress_entry **find(struct progress_table *table, const struct id *id)
{
    struct progress_entry **link = &table->buckets[bucket_of(table, id)];
    while (*link && id_compare(&(*link)->id, id) != 0)
        link = &(*link)->next;
    return link;
}

static void grow(struct progress_table *table)
{
    struct progress_entry **old = table->buckets;
    size_t n_old = table->n_buckets;
    table->n_buckets = n_old * 2;
    table->buckets = memory_new_zeroed(table->n_buckets, sizeof *table->buckets);
    for (size_t i = 0; i < n_old; i++) {
        for (struct progress_entry *entry = old[i]; entry;) {
            struct progress_entry *next = entry->next;
            size_t bucket = bucket_of(table, &entry->id);
            entry->next = table->buckets[bucket];
            table->buckets[bucket] = entry;
            entry = next;
        }
    }
    free(old);
}

static struct progress_entry *add(struct progress_table *table, const struct id *id)
{
    if (table->n >= table->n_buckets)
        grow(table);
    struct progress_entry *entry = memory_new_zeroed(1, sizeof *entry);
    struct progress_entry **link = find(table, id);
    entry->id = *id;
    entry->fraction = NAN;
    *link = entry;
    table->n++;
    return entry;
}

void progress_put(struct progress_table *table, const struct id *id, double fraction,
                  const char *message)
{
    char *copy = message ? memory_part(message, PROGRESS_MESSAGE_MAX) : NULL;
    if (copy)
        copy[utf8_whole(copy, strlen(copy))] = '\0';
    pthread_mutex_lock(&table->lock);
    struct progress_entry *entry = *find(table, id);
    if (!entry)
        entry = add(table, id);
    if (!isnan(fraction))
        entry->fraction = fraction;
    if (copy) {
        free(entry->message);
        entry->message = copy;
    }
    pthread_mutex_unlock(&table->lock);
}

void progress_drop(struct progress_table *table, const struct id *id)
{
    pthread_mutex_lock(&table->lock);
    struct progress_entry **link = find(table, id), *entry = *link;
    if (entry) {
        *link = entry->next;
        table->n--;
    }
    pthread_mutex_unlock(&table->lock);
    if (entry)
        entry_free(entry);
}

bool progress_get(struct progress_table *table, const struct id *id, struct progress *out)
{
    out->fraction = NAN;
    out->has_message = false;
    pthread_mutex_lock(&table->lock);
    const struct progress_entry *entry = *find(table, id);
    if (entry) {
        out->fraction = entry->fraction;
        out->has_message = entry->message != NULL;
        if (entry->message)
            strcpy(out->message, entry->message);
    }
    pthread_mutex_unlock(&table->lock);
    return entry != NULL;
}
