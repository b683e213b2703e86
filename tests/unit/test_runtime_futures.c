/* Futures of running jobs that are set from outside, and what the next start makes of it. Run under
 * ThreadSanitizer too. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "tests/unit/runtime_fixture.h"

extern CU_TestInfo tests_runtime_futures[];

#define FUTURE "{\"op\":\"future\",\"name\":\"f\"}"

/* ---- one at a time ---- */

static void a_future_is_set_once(void)
{
    struct fixture f = open_loops(1);
    struct call call;
    bool is_done = true;
    submit(&f, &call, "{\"op\":\"sequence\",\"steps\":[" FUTURE "," FOREVER "]}", 60);
    CU_ASSERT_EQUAL(look_at_future(&f, &call.id, "f", &is_done), 0);
    CU_ASSERT_FALSE(is_done);
    CU_ASSERT_EQUAL(set_future(&f, &call.id, "g", "1"), -ERROR_INVALID);
    CU_ASSERT_EQUAL(look_at_future(&f, &call.id, "g", &is_done), -ERROR_INVALID);
    CU_ASSERT_EQUAL(set_future(&f, &call.id, "f", "1"), 0);
    CU_ASSERT_EQUAL(look_at_future(&f, &call.id, "f", &is_done), 0);
    CU_ASSERT_TRUE(is_done);
    CU_ASSERT_EQUAL(set_future(&f, &call.id, "f", "2"), -ERROR_CONFLICT);
    cancel(&f, &call.id, NULL, NULL);
    sem_wait(&call.over);
    CU_ASSERT_EQUAL(set_future(&f, &call.id, "f", "1"), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(look_at_future(&f, &call.id, "f", &is_done), -ERROR_NOT_FOUND);
    release_call(&call);
    close_fixture(&f);
}

static void its_job_gets_the_value(void)
{
    struct fixture f = open_loops(1);
    struct call call;
    submit(&f, &call, FUTURE, 60);
    CU_ASSERT_EQUAL(set_future(&f, &call.id, "f", "{\"a\":[1]}"), 0);
    sem_wait(&call.over);
    CU_ASSERT_PTR_NOT_NULL_FATAL(call.ended);
    CU_ASSERT_STRING_EQUAL(call.ended->result, "{\"a\":[1]}");
    release_call(&call);
    close_fixture(&f);
}

static void a_future_without_a_task(void)
{
    struct fixture f = open_loops(1);
    struct id id = id_make(1, 1);
    bool is_done;
    CU_ASSERT_EQUAL(set_future(&f, &id, "f", "1"), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(look_at_future(&f, &id, "f", &is_done), -ERROR_NOT_FOUND);
    close_fixture(&f);
}

/* ---- several at once ---- */

struct setter {
    struct fixture *f;
    struct id id;
    const char *value;
    int status;
};

static void *set_in_thread(void *context)
{
    struct setter *setter = context;
    setter->status = set_future(setter->f, &setter->id, "f", setter->value);
    return NULL;
}

#define N_SETTERS 4

static void one_of_many_sets_it(void)
{
    static const char *const values[N_SETTERS] = {"1", "2", "3", "4"};
    struct fixture f = open_loops(1);
    for (int round = 0; round < 50; round++) {
        struct call call;
        struct setter setters[N_SETTERS];
        pthread_t threads[N_SETTERS];
        const char *winner = NULL;
        int n_set = 0;
        submit(&f, &call, FUTURE, 60);
        for (int i = 0; i < N_SETTERS; i++) {
            setters[i] = (struct setter){.f = &f, .id = call.id, .value = values[i]};
            pthread_create(&threads[i], NULL, set_in_thread, &setters[i]);
        }
        for (int i = 0; i < N_SETTERS; i++) {
            pthread_join(threads[i], NULL);
            winner = setters[i].status == 0 ? values[i] : winner;
            n_set += setters[i].status == 0;
            CU_ASSERT(setters[i].status == 0 || setters[i].status == -ERROR_CONFLICT ||
                      setters[i].status == -ERROR_NOT_FOUND);
        }
        sem_wait(&call.over);
        CU_ASSERT_EQUAL_FATAL(n_set, 1);
        CU_ASSERT_STRING_EQUAL(call.ended->result, winner);
        release_call(&call);
    }
    close_fixture(&f);
}

/* ---- while the writer is at something else ---- */

struct hold {
    struct store_request request;
    sem_t holding, released;
};

static void hold(struct store_request *request, int status)
{
    struct hold *self = (struct hold *)request;
    (void)status;
    sem_post(&self->holding);
    sem_wait(&self->released);
}

static void hold_writer(struct fixture *f, struct hold *self)
{
    *self = (struct hold){.request = {.verb = STORE_LOG, .done = hold}};
    sem_init(&self->holding, 0, 0);
    sem_init(&self->released, 0, 0);
    store_submit(f->store, &self->request);
    sem_wait(&self->holding);
}

static void count_future(void *context, const struct future_record *record)
{
    (void)record;
    ++*(size_t *)context;
}

static size_t count_futures(struct fixture *f, const struct id *id)
{
    struct store_reader *reader;
    size_t n = 0;
    CU_ASSERT_EQUAL_FATAL(store_reader_open(&reader, f->store, NULL), 0);
    CU_ASSERT_EQUAL(store_read_futures(reader, id, count_future, &n, NULL), 0);
    store_reader_close(reader);
    return n;
}

static void wait_until_done(struct fixture *f, const struct id *id)
{
    bool is_done = false;
    while (!is_done) {
        CU_ASSERT_EQUAL_FATAL(look_at_future(f, id, "f", &is_done), 0);
        sched_yield();
    }
}

struct asked {
    struct future_request request;
    sem_t done;
    int status;
};

static void asked_done(struct future_request *request, int status)
{
    struct asked *asked = (struct asked *)request;
    asked->status = status;
    sem_post(&asked->done);
}

/* It takes no value any more, and so there is none for the next start either. */
static void cancelled_on_its_way_to_the_disk(void)
{
    struct fixture f = open_loops(1);
    struct call call;
    struct hold writer;
    submit(&f, &call,
           "{\"op\":\"try\",\"body\":{\"op\":\"timeout\",\"name\":\"t\",\"seconds\":null,"
           "\"body\":" FUTURE "},\"except\":[{\"body\":" FOREVER "}]}",
           60);
    struct asked asked = {
        .request = {.record = {.task = call.id, .name = "f", .result = "1"}, .done = asked_done}};
    sem_init(&asked.done, 0, 0);
    hold_writer(&f, &writer);
    runtime_ask_future(f.runtime, &asked.request);
    CU_ASSERT_EQUAL(expire(&f, &call.id, "t"), 0);
    wait_until_done(&f, &call.id);
    sem_post(&writer.released);
    sem_wait(&asked.done);
    CU_ASSERT_EQUAL(asked.status, -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(count_futures(&f, &call.id), 0);
    cancel(&f, &call.id, NULL, NULL);
    sem_wait(&call.over);
    release_call(&call);
    close_fixture(&f);
}

/* What is on disk when the server stops was set, whether or not the job heard of it. */
static void set_while_the_server_stops(void)
{
    char path[64];
    struct fixture f = open_fixture_with(make_db(path), with_loops(1));
    struct call call;
    struct hold writer;
    struct asked asked = {.request = {.record = {.name = "f", .result = "1"}, .done = asked_done}};
    submit(&f, &call, "{\"op\":\"sequence\",\"steps\":[" FUTURE "," FOREVER "]}", 0);
    asked.request.record.task = call.id;
    sem_init(&asked.done, 0, 0);
    hold_writer(&f, &writer);
    runtime_ask_future(f.runtime, &asked.request);
    sem_post(&writer.released);
    close_fixture(&f);
    sem_wait(&asked.done);
    CU_ASSERT_EQUAL(asked.status, 0);
    f = open_fixture_with(path, with_loops(1));
    wait_until_done(&f, &call.id);
    close_fixture(&f);
    release_call(&call);
    release_db(path);
}

/* ---- the next start ---- */

#define TWO                                                                                        \
    "{\"op\":\"sequence\",\"steps\":[" FUTURE                                                      \
    ",{\"op\":\"future\",\"name\":\"g\"},{\"op\":\"value\",\"value\":[\"${f}\",\"${g}\"]}]}"
#define N_JOBS 20

static void the_next_start_has_the_values(void)
{
    char path[64];
    struct fixture f = open_fixture_with(make_db(path), with_loops(2));
    struct call calls[N_JOBS];
    for (int i = 0; i < N_JOBS; i++) {
        submit_to(&f, &calls[i], "main", TWO, 0);
        if (i % 3)
            CU_ASSERT_EQUAL(set_future(&f, &calls[i].id, "g", i % 2 ? "1" : "[]"), 0);
    }
    close_fixture(&f);

    f = open_fixture_with(path, with_loops(1));
    for (int i = 0; i < N_JOBS; i++) {
        struct call *call = &calls[i];
        bool is_done;
        CU_ASSERT_EQUAL(look_at_future(&f, &call->id, "f", &is_done), 0);
        CU_ASSERT_FALSE(is_done);
        CU_ASSERT_EQUAL(look_at_future(&f, &call->id, "g", &is_done), 0);
        CU_ASSERT_EQUAL(is_done, i % 3 != 0);
        CU_ASSERT_EQUAL(set_future(&f, &call->id, "g", "9"), i % 3 ? -ERROR_CONFLICT : 0);
        call->waiter = (struct waiter){.id = call->id, .wait_ns = 60000000000, .done = waited};
        runtime_wait(f.runtime, &call->waiter);
        CU_ASSERT_EQUAL(set_future(&f, &call->id, "f", "0"), 0);
        sem_wait(&call->over);
        CU_ASSERT_PTR_NOT_NULL_FATAL(call->ended);
        CU_ASSERT_STRING_EQUAL(call->ended->result, i % 3 == 0   ? "[0,9]"
                                                    : i % 2 == 1 ? "[0,1]"
                                                                 : "[0,[]]");
        CU_ASSERT_EQUAL(count_futures(&f, &call->id), 0);
        release_call(call);
    }
    close_fixture(&f);
    release_db(path);
}

CU_TestInfo tests_runtime_futures[] = {
    {"a_future_is_set_once", a_future_is_set_once},
    {"its_job_gets_the_value", its_job_gets_the_value},
    {"a_future_without_a_task", a_future_without_a_task},
    {"one_of_many_sets_it", one_of_many_sets_it},
    {"cancelled_on_its_way_to_the_disk", cancelled_on_its_way_to_the_disk},
    {"set_while_the_server_stops", set_while_the_server_stops},
    {"the_next_start_has_the_values", the_next_start_has_the_values},
    CU_TEST_INFO_NULL,
};
