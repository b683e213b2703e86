#include "tests/memory/store_steps.h"

#include <stdlib.h>
#include <string.h>

static char *long_text(void)
{
    char *text = malloc(LONG + 3);
    memset(text, 'x', LONG + 2);
    text[0] = text[LONG + 1] = '"';
    text[LONG + 2] = '\0';
    return text;
}

static struct write *insertion(unsigned n)
{
    struct task_record *record = write_record(n);
    record->name = strdup("name");
    record->labels = strdup("{\"a\":\"b\"}");
    record->loop = strdup("other");
    record->has_group = true;
    record->group = write_id(100);
    return write_new(STORE_INSERT, record);
}

static struct write *insertion_with_end(void)
{
    struct write *write = insertion(2);
    write->request.ended = write_end(2, TASK_FAILED, "{}");
    return write;
}

static struct write *long_insertion(void)
{
    struct task_record *record = write_record(3);
    free(record->spec);
    record->spec = long_text();
    return write_new(STORE_INSERT, record);
}

static struct write *long_end(void)
{
    struct task_record *record = write_end(3, TASK_SUCCEEDED, "");
    free(record->result);
    record->result = long_text();
    record->trace = long_text();
    record->trace_size = LONG;
    record->has_futures = record->has_journal = true;
    return write_new(STORE_FINISH, record);
}

static struct write *line(void)
{
    struct write *write = write_new(STORE_LOG, NULL);
    write->request.entry = (struct log_entry){write_id(1), 1, 5, "info", "log", "/do/0", "a line"};
    return write;
}

static struct write *cancellation(void)
{
    struct task_record *record = write_record(1);
    record->cancel_requested_at_us = 5;
    record->cancel_message = strdup("why");
    return write_new(STORE_CANCEL, record);
}

static struct write *rescheduling(void)
{
    struct task_record *record = write_record(1);
    record->deadline_at_us = 77;
    return write_new(STORE_RESCHEDULE, record);
}

static struct write *journal(void)
{
    static struct journal_row row = {.n = 1, .entries = "events", .size = 6};
    struct write *write = write_new(STORE_JOURNAL, NULL);
    row.task = write_id(1);
    write->request.rows = &row;
    write->request.n_rows = 1;
    return write;
}

static struct write *future(const char *name, const char *result, const char *type)
{
    struct write *write = write_new(result || type ? STORE_SET_FUTURE : STORE_DROP_FUTURE, NULL);
    write->future = (struct future_record){write_id(1), name, result, type, type};
    write->request.future = &write->future;
    return write;
}

static struct write *document(enum store_verb verb, const char *name, const char *body,
                              bool only_new)
{
    struct write *write = write_new(verb, NULL);
    write->request.document = (struct document){"kind", name, body, 5, 5};
    write->request.only_new = only_new;
    return write;
}

static struct write *insertion_with_key(void)
{
    static const struct key_record key = {.scope = "", .key = "k", .at_us = 5, .answer = "{}"};
    struct write *write = insertion(4);
    write->request.key = &key;
    return write;
}

static struct write *start(void)
{
    struct task_record *record = write_record(4);
    record->state = TASK_RUNNING;
    record->started_at_us = 6;
    return write_new(STORE_START, record);
}

/* Of the server's runs, its clock, and what it forgets. */
static struct write *housekeeping(enum store_verb verb)
{
    static const struct clock_note clock = {.timeline_us = 7};
    static struct store_run run;
    static struct id id;
    struct write *write = write_new(verb, NULL);
    run = (struct store_run){.now_us = 5, .window_us = 5, .crash_loop = 9};
    id = write_id(2);
    write->request.clock = &clock;
    write->request.run = &run;
    write->request.ids = &id;
    write->request.n_ids = 1;
    return write;
}

struct write *store_step(enum step step)
{
    switch (step) {
    case INSERT_1:
        return insertion(1);
    case INSERT_2_ENDED:
        return insertion_with_end();
    case INSERT_3_LONG:
        return long_insertion();
    case LOG_1:
        return line();
    case CANCEL_1:
        return cancellation();
    case RESCHEDULE_1:
        return rescheduling();
    case SET_FUTURE_1:
        return future("f", "[1]", NULL);
    case SET_FUTURE_1_ERROR:
        return future("g", NULL, "ValueError");
    case DROP_FUTURE_1:
        return future("f", NULL, NULL);
    case PUT:
        return document(STORE_PUT, "a", "{\"n\":1}", false);
    case PUT_AGAIN:
        return document(STORE_PUT, "a", "{\"n\":2}", false);
    case PUT_NEW:
        return document(STORE_PUT, "b", "{}", true);
    case REMOVE_NEW:
        return document(STORE_REMOVE, "b", "", false);
    case JOURNAL_1:
        return journal();
    case FINISH_3:
        return long_end();
    case DELETE_2:
        return write_new(STORE_DELETE, write_record(2));
    case INSERT_4_KEY:
        return insertion_with_key();
    case START_4:
        return start();
    case CLOCK:
        return housekeeping(STORE_CLOCK);
    case BEGIN_RUN:
        return housekeeping(STORE_BEGIN_RUN);
    case BEGIN_JOBS:
        return housekeeping(STORE_BEGIN_JOBS);
    case END_RUN:
        return housekeeping(STORE_END_RUN);
    case FORGET_2:
        return housekeeping(STORE_FORGET);
    default:
        return housekeeping(STORE_SHRINK);
    }
}

bool store_step_may_wait(enum step step)
{
    return step == LOG_1 || step == DROP_FUTURE_1 || step == JOURNAL_1 || step == FINISH_3 ||
           step == START_4;
}

void store_read_rest(struct store_reader *reader,
                     void (*heard)(void *context, int status, const char *what), void *context)
{
    struct clock_note clock;
    struct key_record *key = NULL;
    struct store_age ages[10];
    struct store_cursor cursor = {0};
    struct store_space space;
    struct error e;
    struct id id;
    size_t n;
    bool has_more;
    heard(context, store_read_clock(reader, &clock, &e), "store_read_clock");
    heard(context, store_get_key(reader, "", "k", 6, &key, &e), "store_get_key");
    key_record_free(key);
    heard(context, store_read_ages(reader, NULL, 10, ages, &n, &e), "store_read_ages");
    heard(context, store_read_expired(reader, 9, &cursor, 10, ages, &n, &has_more, &e),
          "store_read_expired");
    heard(context, store_read_space(reader, &space, &e), "store_read_space");
    heard(context, store_next_journal(reader, NULL, &id, &e), "store_next_journal");
    heard(context, store_next_futures(reader, NULL, &id, &e), "store_next_futures");
}
