/* Those who follow a log, and those who ask something of a process, through the runtime's face. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "tests/unit/runtime_fixture.h"

extern CU_TestInfo tests_follow[];

struct asking {
    struct follower follower;
    sem_t over;
    bool goes_on;
};

static void told(struct follower *follower, bool goes_on)
{
    struct asking *asking = CONTAINER_OF(follower, struct asking, follower);
    asking->goes_on = goes_on;
    sem_post(&asking->over);
}

static void ask(struct fixture *f, struct asking *asking, const struct id *id, int64_t after)
{
    *asking = (struct asking){.follower = {.id = *id, .after = after, .ticket = 7, .done = told}};
    sem_init(&asking->over, 0, 0);
    runtime_follow(f->runtime, &asking->follower);
}

static void note_number(void *context, const struct log_entry *entry)
{
    *(int64_t *)context = entry->seq;
}

/* Whenever he is told that there is more, it is there to be read; and after the end, all. */
static void a_follower_sees_every_line(void)
{
    struct fixture f = open_fixture(10);
    struct store_reader *reader;
    struct call call;
    struct asking asking = {.goes_on = true};
    int64_t last = 0;
    CU_ASSERT_EQUAL_FATAL(store_reader_open(&reader, f.store, NULL), 0);
    submit(&f, &call,
           "{\"op\":\"map\",\"items\":[0.01,0.02,0.02,0.03,0],\"body\":{\"op\":\"sequence\","
           "\"steps\":[{\"op\":\"sleep\",\"seconds\":\"${item}\"},{\"op\":\"log\","
           "\"message\":\"x\"}]}}",
           60);
    while (asking.goes_on) {
        int64_t before = last;
        ask(&f, &asking, &call.id, last);
        sem_wait(&asking.over);
        CU_ASSERT_EQUAL(store_read_log(reader, &call.id, last, SIZE_MAX, note_number, &last, NULL),
                        0);
        CU_ASSERT_TRUE(last > before || !asking.goes_on);
    }
    CU_ASSERT_EQUAL(last, 5);
    sem_wait(&call.over);
    release_call(&call);
    store_reader_close(reader);
    close_fixture(&f);
}

static void of_a_task_that_is_not_there(void)
{
    struct fixture f = open_fixture(10);
    struct id nobody = {{1}};
    struct asking asking;
    ask(&f, &asking, &nobody, 0);
    sem_wait(&asking.over);
    CU_ASSERT_FALSE(asking.goes_on);
    close_fixture(&f);
}

static void he_can_give_up(void)
{
    struct fixture f = open_fixture(10);
    struct call call;
    struct asking asking;
    submit_forever(&f, &call, NULL);
    ask(&f, &asking, &call.id, 0);
    runtime_give_up(f.runtime, &call.id, 8); /* nobody's ticket */
    runtime_give_up(f.runtime, &call.id, 7);
    sem_wait(&asking.over);
    CU_ASSERT_TRUE(asking.goes_on);
    release_call(&call);
    close_fixture(&f);
}

static void the_drain_tells_all(void)
{
    struct fixture f = open_fixture(10);
    struct call call;
    struct asking asking[3], late;
    submit_forever(&f, &call, NULL);
    for (size_t i = 0; i < 3; i++)
        ask(&f, &asking[i], &call.id, 0);
    runtime_drain(f.runtime, 0);
    ask(&f, &late, &call.id, 0);
    sem_wait(&late.over);
    CU_ASSERT_FALSE(late.goes_on);
    for (size_t i = 0; i < 3; i++) {
        sem_wait(&asking[i].over);
        CU_ASSERT_FALSE(asking[i].goes_on);
    }
    release_call(&call);
    close_drained_fixture(&f);
}

/* ---- processes ---- */

struct question {
    struct process_request request;
    sem_t over;
};

static void answered(struct process_request *request)
{
    sem_post(&CONTAINER_OF(request, struct question, request)->over);
}

static enum process_answer ask_process(struct fixture *f, const struct id *id, const char *name,
                                       int verb)
{
    struct question q = {.request = {.id = *id, .name = name, .verb = verb, .done = answered}};
    q.request.signal = 9;
    sem_init(&q.over, 0, 0);
    runtime_ask_process(f->runtime, &q.request);
    sem_wait(&q.over);
    return q.request.answer;
}

static void there_is_no_such_process(void)
{
    struct fixture f = open_fixture(10);
    struct id nobody = {{1}};
    struct call call;
    submit(&f, &call,
           "{\"op\":\"sequence\",\"name\":\"s\",\"steps\":[" FOREVER
           ",{\"op\":\"subprocess\",\"name\":\"p\",\"argv\":[\"true\"]}]}",
           0);
    CU_ASSERT_EQUAL(ask_process(&f, &nobody, NULL, PROCESS_SIGNAL), PROCESS_TASK_ENDED);
    CU_ASSERT_EQUAL(ask_process(&f, &call.id, NULL, PROCESS_SIGNAL), PROCESS_NOT_RUNNING);
    CU_ASSERT_EQUAL(ask_process(&f, &call.id, "p", PROCESS_FEED), PROCESS_NOT_RUNNING);
    CU_ASSERT_EQUAL(ask_process(&f, &call.id, "s", PROCESS_CLOSE_INPUT), PROCESS_UNKNOWN);
    CU_ASSERT_EQUAL(ask_process(&f, &call.id, "q", PROCESS_SIGNAL), PROCESS_UNKNOWN);
    runtime_drain(f.runtime, 0);
    CU_ASSERT_EQUAL(ask_process(&f, &call.id, "p", PROCESS_FEED), PROCESS_DRAINING);
    release_call(&call);
    close_drained_fixture(&f);
}

CU_TestInfo tests_follow[] = {
    {"a_follower_sees_every_line", a_follower_sees_every_line},
    {"of_a_task_that_is_not_there", of_a_task_that_is_not_there},
    {"he_can_give_up", he_can_give_up},
    {"the_drain_tells_all", the_drain_tells_all},
    {"there_is_no_such_process", there_is_no_such_process},
    CU_TEST_INFO_NULL,
};
