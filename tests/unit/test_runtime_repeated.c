/* Submissions that come twice: with the same key, or the same id. */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "tests/unit/runtime_fixture.h"

#define LOG "{\"op\":\"log\",\"message\":\"x\"}"
#define LOG_AND_SLEEP                                                                              \
    "{\"op\":\"sequence\",\"steps\":[" LOG ",{\"op\":\"sleep\",\"seconds\":3600}]}"

static void count_line(void *context, const struct log_entry *entry)
{
    (void)entry;
    ++*(size_t *)context;
}

static size_t count_lines(struct fixture *f, const struct id *id)
{
    struct store_reader *reader;
    size_t n = 0;
    CU_ASSERT_EQUAL_FATAL(store_reader_open(&reader, f->store, NULL), 0);
    CU_ASSERT_EQUAL(store_read_log(reader, id, 0, SIZE_MAX, count_line, &n, NULL), 0);
    store_reader_close(reader);
    return n;
}

static uint64_t count_open(struct fixture *f)
{
    struct runtime_stats stats;
    runtime_stats(f->runtime, &stats);
    return stats.open_tasks;
}

/* Nothing of the second one ever runs: what it would say would be taken for the first one's. */
static void an_id_that_is_taken(void)
{
    struct fixture f = open_fixture(10);
    struct call first = {.id = id_make(1000, 1)}, second;
    submit_prepared(&f, &first, LOG, 60);
    sem_wait(&first.over);
    CU_ASSERT_EQUAL(count_lines(&f, &first.id), 1);
    second = (struct call){.id = first.id, .submission.is_held = true};
    submit_prepared(&f, &second, "{\"op\":\"sequence\",\"steps\":[" LOG "," LOG "," LOG "]}", 60);
    CU_ASSERT_EQUAL(second.status, -ERROR_CONFLICT);
    CU_ASSERT_PTR_NULL(second.ended);
    CU_ASSERT_EQUAL(count_open(&f), 0);
    CU_ASSERT_EQUAL(count_lines(&f, &first.id), 1);
    release_call(&first);
    release_call(&second);
    close_fixture(&f);
}

static void who_is_held_runs_when_it_is_on_disk(void)
{
    struct fixture f = open_fixture(10);
    struct call call = {.id = id_make(1000, 1), .submission.is_held = true};
    submit_prepared(&f, &call, LOG, 60);
    CU_ASSERT_EQUAL(call.status, 0);
    sem_wait(&call.over);
    CU_ASSERT_EQUAL(call.ended->state, TASK_SUCCEEDED);
    CU_ASSERT_EQUAL(count_lines(&f, &call.id), 1);
    release_call(&call);
    close_fixture(&f);
}

/* ---- keys ---- */

/* A call with a key, whose answer is how the record stands. */
struct keyed {
    struct call call;
    struct key_record key;
    char answer[60];
};

static void write_answer(struct submission *submission)
{
    struct keyed *keyed = CONTAINER_OF(submission, struct keyed, call.submission);
    const struct task_record *record = submission->record;
    CU_ASSERT_TRUE(record->started_at_us > 0);
    keyed->key.id = record->id;
    snprintf(keyed->answer, sizeof keyed->answer, "%s, loop %s, starts %u",
             task_state_name(record->state), record->loop ? record->loop : "main", record->starts);
    keyed->key.answer = keyed->answer;
}

static void submit_keyed(struct fixture *f, struct keyed *keyed, const char *key, const char *spec,
                         double wait)
{
    *keyed = (struct keyed){.key = {.scope = "", .key = key, .at_us = 1000}};
    keyed->call.id = id_make(1000, atomic_fetch_add(&f->n_ids, 1) << 40);
    keyed->call.submission.key = &keyed->key;
    keyed->call.submission.write_answer = write_answer;
    submit_prepared(f, &keyed->call, spec, wait);
}

static void check_answer(struct fixture *f, const char *key, const struct id *id,
                         const char *answer)
{
    struct store_reader *reader;
    struct key_record *found = NULL;
    CU_ASSERT_EQUAL_FATAL(store_reader_open(&reader, f->store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(store_get_key(reader, "", key, 1000, &found, NULL), 0);
    CU_ASSERT_EQUAL(id_compare(&found->id, id), 0);
    CU_ASSERT_STRING_EQUAL(found->answer, answer);
    key_record_free(found);
    store_reader_close(reader);
}

/* The second one is forgotten, whatever it is at. */
static void a_key_that_is_taken(void)
{
    static const char *const specs[] = {VALUE, FOREVER, LOG, LOG_AND_SLEEP,
                                        "{\"op\":\"subprocess\",\"argv\":[\"true\"]}"};
    struct fixture f = open_fixture(2);
    struct keyed first, again;
    submit_keyed(&f, &first, "key", FOREVER, 0);
    CU_ASSERT_EQUAL(first.call.status, 0);
    for (int i = 0; i < 50; i++) {
        submit_keyed(&f, &again, "key", specs[i % 5], i % 2 ? 60 : 0);
        CU_ASSERT_EQUAL(again.call.status, -ERROR_REPEATED);
        CU_ASSERT_PTR_NULL(again.call.ended);
        CU_ASSERT_EQUAL(count_lines(&f, &again.call.id), 0);
        release_call(&again.call);
        while (count_open(&f) > 1) /* until its end, if it had one, was refused as well */
            sched_yield();
    }
    check_answer(&f, "key", &first.call.id, "running, loop main, starts 1");
    submit_keyed(&f, &again, "another", VALUE, 60);
    CU_ASSERT_EQUAL(again.call.status, 0);
    sem_wait(&again.call.over);
    release_call(&first.call);
    release_call(&again.call);
    close_fixture(&f);
}

static void the_answer_names_the_loop(void)
{
    struct fixture f = open_loops(2);
    struct keyed keyed[2];
    for (int i = 0; i < 2; i++) {
        submit_keyed(&f, &keyed[i], i ? "b" : "a", FOREVER, 0);
        CU_ASSERT_EQUAL(keyed[i].call.status, 0);
    }
    bool first_is_main = strstr(keyed[0].answer, "loop main,") != NULL;
    check_answer(&f, first_is_main ? "a" : "b", &keyed[!first_is_main].call.id,
                 "running, loop main, starts 1");
    check_answer(&f, first_is_main ? "b" : "a", &keyed[first_is_main].call.id,
                 "running, loop main-2, starts 1");
    for (int i = 0; i < 2; i++)
        release_call(&keyed[i].call);
    close_fixture(&f);
}

CU_TestInfo tests_runtime_repeated[] = {
    {"an_id_that_is_taken", an_id_that_is_taken},
    {"who_is_held_runs_when_it_is_on_disk", who_is_held_runs_when_it_is_on_disk},
    {"a_key_that_is_taken", a_key_that_is_taken},
    {"the_answer_names_the_loop", the_answer_names_the_loop},
    CU_TEST_INFO_NULL,
};
