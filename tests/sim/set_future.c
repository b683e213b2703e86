#include "tests/sim/set_future.h"

#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/replay_call.h"
#include "tests/sim/record.h"

/* Of a request and of a tape's entry: the name, the result or the exception's type, its message,
 * each with its NUL. What there is of them says `parts`. */
enum parts { HAS_RESULT = 1, HAS_MESSAGE = 2 };

static uint32_t parts_of(const struct future_record *record)
{
    return (record->result ? HAS_RESULT : 0) | (record->message ? HAS_MESSAGE : 0);
}

static void write_texts(struct buffer *b, const struct future_record *record)
{
    const char *texts[] = {record->name, record->result ? record->result : record->type,
                           record->message ? record->message : ""};
    for (size_t i = 0; i < 3; i++)
        buffer_add(b, texts[i], strlen(texts[i]) + 1);
}

static struct future_record read_texts(const char *texts, uint32_t parts)
{
    struct future_record record = {.name = texts};
    const char *what = texts + strlen(texts) + 1, *message = what + strlen(what) + 1;
    record.result = parts & HAS_RESULT ? what : NULL;
    record.type = parts & HAS_RESULT ? NULL : what;
    record.message = parts & HAS_MESSAGE ? message : NULL;
    return record;
}

static char *copy_text(const char *text)
{
    return text ? memory_text(text) : NULL;
}

void request_set_future(struct job *job, const struct future_record *record)
{
    const struct future_name *future = plan_find_future(job->plan, record->name);
    if (!future)
        return;
    journal_future_set(job, future->index, record);
    replay_call_set_future(job, future->index,
                           &(struct future_record){.result = copy_text(record->result),
                                                   .type = copy_text(record->type),
                                                   .message = copy_text(record->message)});
}

void recorder_set_future(struct recorder *recorder, const struct future_record *record)
{
    struct buffer texts = {0};
    write_texts(&texts, record);
    tape_add(&recorder->recording->answers,
             &(struct tape_entry){TAPE_FUTURE_SET, parts_of(record), 0, texts.bytes, texts.size});
    buffer_release(&texts);
}

void replay_set_future(struct job *job, const struct tape_entry *entry)
{
    struct future_record record = read_texts(entry->text, entry->which);
    request_set_future(job, &record);
}
