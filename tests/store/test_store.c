/* The contract of store.h, for every backend. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/buffer.h"
#include "tests/store/fixture.h"

static void test_insert_and_get(void)
{
    struct task_record *task = task_new(1);
    task->started_at_us = 5;
    task->deadline_at_us = 6;
    set_text(&task->name, "na\"me\xc3\xa9");
    set_text(&task->labels, "{\"a\":\"b\"}");
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_record_ref(task)), 0);

    struct task_record *got = look_up(1, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(id_compare(&got->id, &task->id), 0);
    CU_ASSERT_EQUAL(got->state, TASK_PENDING);
    CU_ASSERT_EQUAL(got->starts, 1);
    CU_ASSERT_EQUAL(got->created_at_us, task->created_at_us);
    CU_ASSERT_EQUAL(got->started_at_us, 5);
    CU_ASSERT_EQUAL(got->deadline_at_us, 6);
    CU_ASSERT_EQUAL(got->finished_at_us, 0);
    CU_ASSERT_EQUAL(got->cancel_requested_at_us, 0);
    CU_ASSERT_STRING_EQUAL(got->name, task->name);
    CU_ASSERT_STRING_EQUAL(got->labels, task->labels);
    CU_ASSERT_PTR_NULL(got->result);
    CU_ASSERT_PTR_NULL(got->spec);
    task_record_unref(got);

    got = look_up(1, STORE_SPEC | STORE_TRACE);
    CU_ASSERT_STRING_EQUAL(got->spec, task->spec);
    CU_ASSERT_PTR_NULL(got->trace);
    task_record_unref(got);
    task_record_unref(task);
    CU_ASSERT_FALSE(is_there(2));
}

static void test_large_spec(void)
{
    size_t size = 3000000;
    struct task_record *task = task_new(1);
    task->spec = realloc(task->spec, size + 1);
    memset(task->spec, 'x', size);
    task->spec[size] = '\0';
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, task_record_ref(task)), 0);
    struct task_record *got = look_up(1, STORE_SPEC);
    CU_ASSERT_STRING_EQUAL(got->spec, task->spec);
    task_record_unref(got);
    task_record_unref(task);
}

static void test_same_id_twice(void)
{
    CU_ASSERT_EQUAL(insert(1), 0);
    struct task_record *other = task_new(1);
    set_text(&other->spec, "other");
    CU_ASSERT_EQUAL(write_now(STORE_INSERT, other), -ERROR_CONFLICT);
    struct task_record *got = look_up(1, STORE_SPEC);
    CU_ASSERT_STRING_EQUAL(got->spec, "{\"op\":\"value\",\"value\":1}");
    task_record_unref(got);
    CU_ASSERT_EQUAL(insert(2), 0);
}

static void test_finish(void)
{
    insert(1);
    struct task_record *before = look_up(1, 0);
    struct task_record *end = task_end(1, TASK_FAILED);
    set_text(&end->unhandled, "[{}]");
    end->trace = malloc(3);
    memcpy(end->trace, "t\0r", 3);
    end->trace_size = 3;
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_record_ref(end)), 0);

    struct task_record *got = look_up(1, STORE_SPEC | STORE_TRACE);
    CU_ASSERT_EQUAL(got->state, TASK_FAILED);
    CU_ASSERT_EQUAL(got->starts, 1);
    CU_ASSERT_EQUAL(got->started_at_us, end->started_at_us);
    CU_ASSERT_EQUAL(got->finished_at_us, end->finished_at_us);
    CU_ASSERT_PTR_NULL(got->result);
    CU_ASSERT_STRING_EQUAL(got->error, end->error);
    CU_ASSERT_STRING_EQUAL(got->unhandled, "[{}]");
    CU_ASSERT_STRING_EQUAL(got->spec, "{\"op\":\"value\",\"value\":1}");
    CU_ASSERT_EQUAL_FATAL(got->trace_size, 3);
    CU_ASSERT_EQUAL(memcmp(got->trace, "t\0r", 3), 0);
    task_record_unref(got);
    task_record_unref(end);

    CU_ASSERT_EQUAL(before->state, TASK_PENDING); /* a record that was seen never changes */
    CU_ASSERT_PTR_NULL(before->error);
    task_record_unref(before);
}

/* However large its parts are, an end comes back whole, with a trace and without, and is gone with
 * the task. */
static void test_finish_of_any_size(void)
{
    static char text[20000];
    memset(text, '1', sizeof text - 1);
    for (unsigned n = 1; n <= 40; n++) {
        struct task_record *end = task_end(n, n % 2 ? TASK_SUCCEEDED : TASK_FAILED);
        text[n * 400] = '\0';
        set_text(n % 2 ? &end->result : &end->error, text);
        set_text(&end->unhandled, n % 4 < 2 ? "[1]" : NULL);
        end->trace_size = n % 3;
        end->trace = n % 3 ? calloc(1, n % 3) : NULL;
        CU_ASSERT_EQUAL(insert(n), 0);
        CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_record_ref(end)), 0);
        struct task_record *got = look_up(n, STORE_TRACE);
        CU_ASSERT_STRING_EQUAL(n % 2 ? got->result : got->error, text);
        CU_ASSERT_PTR_NULL(n % 2 ? got->error : got->result);
        CU_ASSERT_EQUAL(got->unhandled != NULL, n % 4 < 2);
        CU_ASSERT_EQUAL(got->trace_size, end->trace_size);
        task_record_unref(got);
        task_record_unref(end);
        text[n * 400] = '1';
        CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_cancel(n, 0, NULL)), 0);
        CU_ASSERT_FALSE(is_there(n));
    }
}

/* A task that had ended before it came to the store: one request, the same record as with two. */
static void test_insert_of_what_has_ended(void)
{
    struct write *write = write_new(STORE_INSERT, task_new(1));
    write->request.ended = task_end(1, TASK_FAILED);
    set_text(&write->request.ended->unhandled, "[{}]");
    struct task_record *ended = task_record_ref(write->request.ended);
    write_submit(write);
    CU_ASSERT_EQUAL(write_wait(write), 0);
    struct task_record *got = look_up(1, STORE_SPEC);
    CU_ASSERT_EQUAL(got->state, TASK_FAILED);
    CU_ASSERT_EQUAL(got->starts, 1);
    CU_ASSERT_EQUAL(got->started_at_us, ended->started_at_us);
    CU_ASSERT_EQUAL(got->finished_at_us, ended->finished_at_us);
    CU_ASSERT_STRING_EQUAL(got->error, ended->error);
    CU_ASSERT_STRING_EQUAL(got->unhandled, "[{}]");
    CU_ASSERT_PTR_NOT_NULL(got->spec);
    CU_ASSERT_NOT_EQUAL(got->created_at_us, 0);
    task_record_unref(got);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, ended), -ERROR_CONFLICT);
}

static void test_finish_what_is_not_open(void)
{
    insert(1);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(2, TASK_FAILED)), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(1, TASK_SUCCEEDED)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_FINISH, task_end(1, TASK_FAILED)), -ERROR_CONFLICT);
    struct task_record *got = look_up(1, 0);
    CU_ASSERT_EQUAL(got->state, TASK_SUCCEEDED);
    task_record_unref(got);
}

static void test_cancel(void)
{
    insert(1);
    insert(2);
    CU_ASSERT_EQUAL(write_now(STORE_CANCEL, task_cancel(1, 77, "first")), 0);
    CU_ASSERT_EQUAL(write_now(STORE_CANCEL, task_cancel(1, 88, "second")), 0);
    CU_ASSERT_EQUAL(write_now(STORE_CANCEL, task_cancel(2, 99, NULL)), 0);
    CU_ASSERT_EQUAL(write_now(STORE_CANCEL, task_cancel(2, 100, "late")), 0);
    CU_ASSERT_EQUAL(write_now(STORE_CANCEL, task_cancel(3, 1, NULL)), -ERROR_NOT_FOUND);
    struct task_record *got = look_up(1, 0);
    CU_ASSERT_EQUAL(got->cancel_requested_at_us, 77);
    CU_ASSERT_STRING_EQUAL(got->cancel_message, "first");
    task_record_unref(got);
    got = look_up(2, 0);
    CU_ASSERT_EQUAL(got->cancel_requested_at_us, 99);
    CU_ASSERT_PTR_NULL(got->cancel_message);
    task_record_unref(got);
    write_now(STORE_FINISH, task_end(1, TASK_CANCELLED));
    CU_ASSERT_EQUAL(write_now(STORE_CANCEL, task_cancel(1, 99, "late")), -ERROR_CONFLICT);
    got = look_up(1, 0);
    CU_ASSERT_STRING_EQUAL(got->cancel_message, "first");
    task_record_unref(got);
}

/* ---- the log ---- */

static void gather_line(void *context, const struct log_entry *entry)
{
    buffer_format(context, "%d@%d %s %s %s %s;", (int)entry->seq, (int)entry->at_us, entry->level,
                  entry->stream, entry->path, entry->message);
}

static void check_log(unsigned n, int64_t after, size_t limit, const char *expected)
{
    struct buffer text = {0};
    struct id id = id_of(n);
    struct error e = {0};
    buffer_text(&text, "");
    CU_ASSERT_EQUAL(store_read_log(fixture.reader, &id, after, limit, gather_line, &text, &e), 0);
    CU_ASSERT_STRING_EQUAL(text.bytes, expected);
    buffer_release(&text);
}

static int log_line_of(unsigned n, int64_t seq, const char *message)
{
    struct id id = id_of(n);
    struct write *line = write_log(&id, seq, message);
    write_submit(line);
    return write_wait(line);
}

static void test_log(void)
{
    insert(1);
    insert(2);
    CU_ASSERT_EQUAL(log_line_of(1, 1, "one"), 0);
    CU_ASSERT_EQUAL(log_line_of(2, 1, "other"), 0);
    CU_ASSERT_EQUAL(log_line_of(1, 3, "three"), 0);
    CU_ASSERT_EQUAL(log_line_of(1, 2, "two"), 0);
    CU_ASSERT_EQUAL(log_line_of(1, 2, "again"), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(log_line_of(9, 1, "nobody"), -ERROR_NOT_FOUND);
    check_log(1, 0, 100,
              "1@1001 info log /do/0 one;2@1002 info log /do/0 two;3@1003 info log /do/0 three;");
    check_log(1, 1, 1, "2@1002 info log /do/0 two;");
    check_log(1, 3, SIZE_MAX, "");
    check_log(1, INT64_MAX, 1, "");
    check_log(1, 0, 0, "");
    check_log(9, 0, 100, "");
}

/* ---- deleting ---- */

static void test_delete(void)
{
    struct task_record *task = task_new(1), *end = task_end(1, TASK_SUCCEEDED);
    set_text(&task->name, "a");
    set_text(&task->labels, "{\"k\":\"v\",\"x\":\"y\"}");
    end->trace = calloc(1, 2);
    end->trace_size = 2;
    write_now(STORE_INSERT, task);
    insert(2);
    log_line_of(1, 1, "line");
    log_line_of(2, 1, "line");
    struct task_record *which = task_cancel(1, 0, NULL);
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_record_ref(which)), -ERROR_CONFLICT);
    CU_ASSERT_TRUE(is_there(1));
    write_now(STORE_FINISH, end);
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, task_record_ref(which)), 0);
    CU_ASSERT_FALSE(is_there(1));
    CU_ASSERT_EQUAL(write_now(STORE_DELETE, which), -ERROR_NOT_FOUND);
    check_log(1, 0, 10, "");
    check_log(2, 0, 10, "1@1001 info log /do/0 line;");

    CU_ASSERT_EQUAL(insert(1), 0); /* nothing of the old one comes back with it */
    struct task_record *got = look_up(1, STORE_TRACE | STORE_SPEC), *found;
    CU_ASSERT_PTR_NULL(got->trace);
    CU_ASSERT_PTR_NULL(got->name);
    CU_ASSERT_STRING_EQUAL(got->spec, "{\"op\":\"value\",\"value\":1}");
    task_record_unref(got);
    struct store_filter filter = {.state = -1, .label_key = "k", .label_value = "v", .limit = 1};
    size_t n;
    struct error e;
    CU_ASSERT_EQUAL(store_list(fixture.reader, &filter, &found, &n, &e), 0);
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_EQUAL(log_line_of(1, 1, "new"), 0);
}

/* ---- batches ---- */

static void test_one_batch_in_order(void)
{
    enum { N = 300 };
    static struct write *writes[4 * N];
    struct id id;
    writer_hold();
    for (unsigned i = 0; i < N; i++) {
        id = id_of(i);
        writes[4 * i] = write_new(STORE_INSERT, task_new(i));
        writes[4 * i + 1] = write_log(&id, 1, "in the same batch");
        writes[4 * i + 2] = write_new(STORE_FINISH, task_end(i, TASK_SUCCEEDED));
        writes[4 * i + 3] = write_new(STORE_FINISH, task_end(i, TASK_FAILED));
    }
    for (unsigned i = 0; i < 4 * N; i++)
        write_submit(writes[i]);
    CU_ASSERT_FALSE(is_there(0));
    writer_release();
    for (unsigned i = 0; i < 4 * N; i++) {
        struct write *write = writes[i];
        sem_wait(&write->done);
        CU_ASSERT_EQUAL(write->order, i);
        sem_post(&write->done);
        CU_ASSERT_EQUAL(write_wait(write), i % 4 == 3 ? -ERROR_CONFLICT : 0);
    }
    CU_ASSERT_TRUE(is_there(N - 1));
}

/* What a reader of the writer's thread sees when the first request of a batch is reported as done.
 */
static struct {
    struct store_reader *reader;
    struct write *write;
    int of_itself, of_the_last, n_calls;
    sem_t looked;
} peek;

static void peek_when_done(struct store_request *request, int status)
{
    struct task_record *got = NULL;
    struct id last = id_of(3);
    struct error e;
    (void)status;
    peek.of_itself = store_get(peek.reader, &request->record->id, 0, &got, &e);
    if (peek.of_itself == 0)
        task_record_unref(got);
    peek.of_the_last = store_get(peek.reader, &last, 0, &got, &e);
    if (peek.of_the_last == 0)
        task_record_unref(got);
    sem_post(&peek.looked);
}

static void test_done_comes_after_commit(void)
{
    struct error e;
    CU_ASSERT_EQUAL_FATAL(store_reader_open(&peek.reader, fixture.store, &e), 0);
    sem_init(&peek.looked, 0, 0);
    writer_hold();
    struct write *first = write_new(STORE_INSERT, task_new(1));
    first->request.done = peek_when_done;
    struct write *second = write_new(STORE_INSERT, task_new(2));
    struct write *last = write_new(STORE_INSERT, task_new(3));
    write_submit(first);
    write_submit(second);
    write_submit(last);
    writer_release();
    CU_ASSERT_EQUAL(write_wait(last), 0);
    CU_ASSERT_EQUAL(write_wait(second), 0);
    sem_wait(&peek.looked);
    CU_ASSERT_EQUAL(peek.of_itself, 0);
    CU_ASSERT_EQUAL(peek.of_the_last, 0); /* all of the batch, or nothing */
    sem_post(&first->done);
    write_wait(first);
    store_reader_close(peek.reader);
}

/* ---- threads ---- */

enum { N_THREADS = 8, N_TASKS = 100 };

struct worker {
    pthread_t thread;
    unsigned first;
    int n_wrong;
};

/* Each watches its own tasks come and end, and reads what others write. */
static void *work(void *context)
{
    struct worker *worker = context;
    struct store_reader *reader;
    struct task_record *records[10];
    struct store_filter filter = {.state = TASK_SUCCEEDED, .limit = 10};
    struct error e;
    size_t n;
    worker->n_wrong += store_reader_open(&reader, fixture.store, &e) != 0;
    for (unsigned i = worker->first; i < worker->first + N_TASKS; i++) {
        struct id id = id_of(i);
        struct write *inserted = write_new(STORE_INSERT, task_new(i));
        struct write *logged = write_log(&id, 1, "line");
        struct write *ended = write_new(STORE_FINISH, task_end(i, TASK_SUCCEEDED));
        write_submit(inserted);
        write_submit(logged);
        write_submit(ended);
        worker->n_wrong += write_wait(inserted) != 0;
        worker->n_wrong += write_wait(logged) != 0;
        worker->n_wrong += write_wait(ended) != 0;
        struct task_record *got = NULL;
        worker->n_wrong += store_get(reader, &id, STORE_SPEC, &got, &e) != 0;
        worker->n_wrong += !got || got->state != TASK_SUCCEEDED;
        task_record_unref(got);
        worker->n_wrong += store_list(reader, &filter, records, &n, &e) != 0;
        while (n > 0)
            task_record_unref(records[--n]);
    }
    store_reader_close(reader);
    return NULL;
}

static void test_many_threads(void)
{
    struct worker workers[N_THREADS] = {0};
    for (unsigned i = 0; i < N_THREADS; i++) {
        workers[i].first = i * N_TASKS;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        CU_ASSERT_EQUAL(workers[i].n_wrong, 0);
    }
}

static void test_close_carries_out_the_rest(void)
{
    enum { N = 1000 };
    static struct write *writes[N];
    for (unsigned i = 0; i < N; i++)
        write_submit(writes[i] = write_new(STORE_INSERT, task_new(i)));
    fixture_close();
    for (unsigned i = 0; i < N; i++) {
        CU_ASSERT_TRUE(write_is_done(writes[i]));
        CU_ASSERT_EQUAL(write_wait(writes[i]), 0);
    }
}

static void test_states(void)
{
    for (int i = 0; i < TASK_STATES; i++)
        CU_ASSERT_EQUAL(task_state_parse(task_state_name((enum task_state)i)), i);
    CU_ASSERT_EQUAL(task_state_parse("Pending"), -1);
    CU_ASSERT_EQUAL(task_state_parse(""), -1);
}

CU_TestInfo tests_store[] = {
    {"states", test_states},
    {"insert and get", test_insert_and_get},
    {"large spec", test_large_spec},
    {"same id twice", test_same_id_twice},
    {"finish", test_finish},
    {"insert of what has ended", test_insert_of_what_has_ended},
    {"finish of any size", test_finish_of_any_size},
    {"finish what is not open", test_finish_what_is_not_open},
    {"cancel", test_cancel},
    {"log", test_log},
    {"delete", test_delete},
    {"one batch in order", test_one_batch_in_order},
    {"done comes after commit", test_done_comes_after_commit},
    {"many threads", test_many_threads},
    {"close carries out the rest", test_close_carries_out_the_rest},
    CU_TEST_INFO_NULL,
};
