/* Several loops: where jobs go, how they are found again, opening and closing, the drain. Run under
 * ThreadSanitizer too. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/host_post.h"
#include "tests/unit/receiver.h"
#include "tests/unit/runtime_fixture.h"

extern CU_TestInfo tests_runtime_loops[];

#define FOREVER "{\"op\":\"sleep\",\"seconds\":3600}"
#define VALUE "{\"op\":\"value\",\"value\":1}"

static struct runtime_options with_loops(size_t n)
{
    return (struct runtime_options){
        .max_open_tasks = 1000, .max_result_bytes = 1 << 20, .n_loops = n};
}

static struct fixture open_loops(size_t n)
{
    return open_fixture_with(":memory:", with_loops(n));
}

/* Open tasks of a loop; -1 when there is none of that name. */
static int count_tasks(struct fixture *f, const char *name)
{
    struct loop_list list = list_loops(f);
    int n = -1;
    for (size_t i = 0; i < list.n; i++)
        if (strcmp(list.loops[i].name, name) == 0)
            n = (int)list.loops[i].n_open;
    free(list.loops);
    return n;
}

static void submit_forever(struct fixture *f, struct call *call, const char *loop)
{
    submit_to(f, call, loop, FOREVER, 3600);
    CU_ASSERT_EQUAL(call->status, 0);
}

/* ---- where jobs go ---- */

static void jobs_that_name_no_loop_are_spread(void)
{
    struct fixture f = open_loops(3);
    struct call calls[6];
    for (int i = 0; i < 6; i++)
        submit_forever(&f, &calls[i], NULL);
    CU_ASSERT_EQUAL(count_tasks(&f, "main"), 2);
    CU_ASSERT_EQUAL(count_tasks(&f, "main-2"), 2);
    CU_ASSERT_EQUAL(count_tasks(&f, "main-3"), 2);
    for (int i = 0; i < 6; i++) { /* wherever it is, its record says so */
        CU_ASSERT_EQUAL(cancel(&f, &calls[i].id, calls[i].record->loop, NULL), 0);
        sem_wait(&calls[i].over);
        CU_ASSERT_EQUAL(calls[i].ended->state, TASK_CANCELLED);
        release_call(&calls[i]);
    }
    close_fixture(&f);
}

static void a_job_goes_to_the_loop_that_it_names(void)
{
    struct fixture f = open_loops(3);
    struct call calls[4];
    for (int i = 0; i < 4; i++)
        submit_forever(&f, &calls[i], i % 2 ? "main" : "main-3");
    CU_ASSERT_EQUAL(count_tasks(&f, "main"), 2);
    CU_ASSERT_EQUAL(count_tasks(&f, "main-2"), 0);
    CU_ASSERT_EQUAL(count_tasks(&f, "main-3"), 2);
    CU_ASSERT_STRING_EQUAL(calls[0].record->loop, "main-3");
    CU_ASSERT_PTR_NULL(calls[1].record->loop);
    close_fixture(&f);
    for (int i = 0; i < 4; i++)
        release_call(&calls[i]);
}

static void an_unknown_loop_is_refused(void)
{
    struct fixture f = open_loops(2);
    struct call call;
    submit_to(&f, &call, "main-3", VALUE, 60);
    CU_ASSERT_EQUAL(call.status, -ERROR_NOT_FOUND);
    release_call(&call);
    close_fixture(&f);
}

static void the_limit_of_open_tasks_is_that_of_all_loops(void)
{
    struct runtime_options options = with_loops(2);
    options.max_open_tasks = 2;
    struct fixture f = open_fixture_with(":memory:", options);
    struct call calls[2], more;
    submit_forever(&f, &calls[0], "main");
    submit_forever(&f, &calls[1], "main-2");
    submit_to(&f, &more, "main-2", VALUE, 0);
    CU_ASSERT_EQUAL(more.status, -ERROR_TOO_MANY);
    release_call(&more);
    for (int i = 0; i < 100; i++) { /* whoever saw an end has room for another one */
        CU_ASSERT_EQUAL(cancel(&f, &calls[1].id, "main-2", NULL), 0);
        sem_wait(&calls[1].over);
        release_call(&calls[1]);
        submit_forever(&f, &calls[1], "main-2");
    }
    close_fixture(&f);
    release_call(&calls[0]);
    release_call(&calls[1]);
}

/* ---- what is asked of a job on another loop ---- */

static void a_job_is_found_by_its_loop(void)
{
    struct fixture f = open_loops(2);
    struct call call, other = {0};
    submit_forever(&f, &call, "main-2");
    CU_ASSERT_EQUAL(look(&f, &call.id, "main-2"), 0);
    CU_ASSERT_EQUAL(look(&f, &call.id, NULL), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(look(&f, &call.id, "nowhere"), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(cancel(&f, &call.id, NULL, NULL), -ERROR_NOT_FOUND);

    sem_init(&other.over, 0, 0);
    other.waiter = (struct waiter){
        .id = call.id, .loop = "main-2", .wait_ns = 3600000000000, .ticket = 7, .done = waited};
    runtime_wait(f.runtime, &other.waiter);
    runtime_give_up(f.runtime, &call.id, 7); /* knows no loop */
    sem_wait(&other.over);
    CU_ASSERT_PTR_NULL(other.ended);
    runtime_wait(f.runtime, &other.waiter);
    CU_ASSERT_EQUAL(cancel(&f, &call.id, "main-2", "enough"), 0);
    sem_wait(&other.over);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other.ended);
    CU_ASSERT_PTR_NOT_NULL(strstr(other.ended->error, "\"message\":\"enough\""));
    CU_ASSERT_STRING_EQUAL(other.ended->loop, "main-2");
    sem_wait(&call.over);
    release_call(&call);
    sem_destroy(&other.over);
    task_record_unref(other.ended);
    close_fixture(&f);
}

/* ---- opening and closing ---- */

static void a_loop_is_opened_and_closed(void)
{
    struct fixture f = open_loops(2);
    struct call call;
    CU_ASSERT_EQUAL(open_loop(&f, "slow", "http://127.0.0.1/errors"), 0);
    CU_ASSERT_EQUAL(open_loop(&f, "slow", NULL), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(open_loop(&f, "main", NULL), -ERROR_CONFLICT);
    struct loop_list list = list_loops(&f);
    CU_ASSERT_EQUAL_FATAL(list.n, 3);
    CU_ASSERT_STRING_EQUAL(list.loops[0].name, "main");
    CU_ASSERT_PTR_NULL(list.loops[0].handler);
    CU_ASSERT_STRING_EQUAL(list.loops[2].name, "slow");
    CU_ASSERT_STRING_EQUAL(list.loops[2].handler, "http://127.0.0.1/errors");
    CU_ASSERT_TRUE(list.loops[2].is_running);
    free(list.loops);

    submit_forever(&f, &call, "slow");
    CU_ASSERT_EQUAL(count_tasks(&f, "slow"), 1);
    CU_ASSERT_EQUAL(close_loop(&f, "slow"), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(cancel(&f, &call.id, "slow", NULL), 0);
    sem_wait(&call.over);
    release_call(&call);
    CU_ASSERT_EQUAL(close_loop(&f, "slow"), 0);
    CU_ASSERT_EQUAL(close_loop(&f, "slow"), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(close_loop(&f, "main"), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(close_loop(&f, "main-2"), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(set_handler(&f, "slow", NULL), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(count_tasks(&f, "slow"), -1);
    submit_to(&f, &call, "slow", VALUE, 0);
    CU_ASSERT_EQUAL(call.status, -ERROR_NOT_FOUND);
    release_call(&call);
    close_fixture(&f);
}

static void there_are_not_more_than_so_many_loops(void)
{
    struct fixture f = open_loops(LOOPS_MAX - 1);
    CU_ASSERT_EQUAL(open_loop(&f, "a", NULL), 0);
    CU_ASSERT_EQUAL(open_loop(&f, "b", NULL), -ERROR_TOO_MANY);
    CU_ASSERT_EQUAL(close_loop(&f, "a"), 0);
    CU_ASSERT_EQUAL(open_loop(&f, "b", NULL), 0);
    close_fixture(&f);
}

#define N_ROUNDS 100

struct user {
    struct fixture *f;
    char loop[24];
    int n_ended;
};

/* Each with a loop of his own, and others have to do with it as well. */
static void *open_use_and_close(void *context)
{
    struct user *user = context;
    struct call call;
    for (int i = 0; i < N_ROUNDS; i++) {
        CU_ASSERT_EQUAL(open_loop(user->f, user->loop, NULL), 0);
        submit_to(user->f, &call, user->loop, VALUE, 60);
        sem_wait(&call.over);
        user->n_ended += call.ended != NULL;
        CU_ASSERT_EQUAL(close_loop(user->f, user->loop), 0);
        CU_ASSERT_EQUAL(cancel(user->f, &call.id, user->loop, NULL), -ERROR_NOT_FOUND);
        release_call(&call);
    }
    return NULL;
}

static void loops_come_and_go(void)
{
    struct fixture f = open_loops(2);
    struct user users[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        users[i] = (struct user){.f = &f};
        snprintf(users[i].loop, sizeof users[i].loop, "loop-%d", i);
        pthread_create(&threads[i], NULL, open_use_and_close, &users[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(users[i].n_ended, N_ROUNDS);
    }
    close_fixture(&f);
}

/* While others submit to it a loop is closed, or it is not; but no job is lost. */
static void *close_again_and_again(void *context)
{
    struct fixture *f = context;
    int n = 0;
    while (n < N_ROUNDS)
        if (close_loop(f, "shared") == 0) {
            n++;
            CU_ASSERT_EQUAL(open_loop(f, "shared", NULL), 0);
        }
    return NULL;
}

static void a_loop_is_closed_under_its_users(void)
{
    struct fixture f = open_loops(1);
    pthread_t closer;
    CU_ASSERT_EQUAL(open_loop(&f, "shared", NULL), 0);
    pthread_create(&closer, NULL, close_again_and_again, &f);
    for (int i = 0; i < N_ROUNDS * 5; i++) {
        struct call call;
        submit_to(&f, &call, "shared", VALUE, 60);
        if (call.status == 0) {
            sem_wait(&call.over);
            CU_ASSERT_PTR_NOT_NULL(call.ended);
        } else
            CU_ASSERT_EQUAL(call.status, -ERROR_NOT_FOUND);
        release_call(&call);
    }
    pthread_join(closer, NULL);
    close_fixture(&f);
}

/* ---- the drain, and the next start ---- */

static void all_loops_drain(void)
{
    struct fixture f = open_loops(3);
    struct call calls[4], late;
    const char *const names[] = {"main", "main-2", "main-3", "own"};
    CU_ASSERT_EQUAL(open_loop(&f, "own", NULL), 0);
    for (int i = 0; i < 4; i++) {
        submit_to(&f, &calls[i], names[i], "{\"op\":\"subprocess\",\"argv\":[\"sleep\",\"3600\"]}",
                  3600);
        CU_ASSERT_EQUAL(calls[i].status, 0);
    }
    runtime_drain(f.runtime, 100);
    for (int i = 0; i < 4; i++) {
        sem_wait(&calls[i].over);
        CU_ASSERT_PTR_NULL(calls[i].ended);
        release_call(&calls[i]);
    }
    submit_to(&f, &late, "main-2", VALUE, 0);
    CU_ASSERT_EQUAL(late.status, -ERROR_DRAINING);
    CU_ASSERT_EQUAL(cancel(&f, &late.id, "own", NULL), -ERROR_NOT_FOUND);
    CU_ASSERT_EQUAL(open_loop(&f, "more", NULL), -ERROR_DRAINING);
    CU_ASSERT_EQUAL(close_loop(&f, "own"), -ERROR_DRAINING);
    release_call(&late);
    store_close(f.store);
    runtime_close(f.runtime);
}

/* A file of its own for one test; gone after release_db. */
static char *make_db(char path[64])
{
    strcpy(path, "/tmp/awaitd-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    return strcat(path, "/db");
}

static void release_db(char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

static void check_handler(struct fixture *f, const char *loop, const char *handler)
{
    struct loop_list list = list_loops(f);
    size_t i = 0;
    while (i < list.n && strcmp(list.loops[i].name, loop) != 0)
        i++;
    CU_ASSERT_NOT_EQUAL_FATAL(i, list.n);
    if (handler)
        CU_ASSERT_STRING_EQUAL(list.loops[i].handler, handler);
    if (!handler)
        CU_ASSERT_PTR_NULL(list.loops[i].handler);
    free(list.loops);
}

static void the_next_start_has_the_same_loops(void)
{
    char path[64];
    struct fixture f = open_fixture_with(make_db(path), with_loops(3));
    struct call own, third;
    CU_ASSERT_EQUAL(open_loop(&f, "own", "http://one/"), 0);
    CU_ASSERT_EQUAL(open_loop(&f, "closed", NULL), 0);
    CU_ASSERT_EQUAL(set_handler(&f, "own", "http://two/\"quoted\""), 0);
    CU_ASSERT_EQUAL(set_handler(&f, "main", "http://main/"), 0);
    CU_ASSERT_EQUAL(set_handler(&f, "main-2", "http://main-2/"), 0);
    CU_ASSERT_EQUAL(set_handler(&f, "main-2", NULL), 0);
    CU_ASSERT_EQUAL(close_loop(&f, "closed"), 0);
    submit_forever(&f, &own, "own");
    submit_forever(&f, &third, "main-3");
    close_fixture(&f);

    f = open_fixture_with(path, with_loops(1));
    check_handler(&f, "own", "http://two/\"quoted\"");
    check_handler(&f, "main", "http://main/");
    CU_ASSERT_EQUAL(count_tasks(&f, "closed"), -1);
    CU_ASSERT_EQUAL(count_tasks(&f, "main-2"), -1);
    CU_ASSERT_EQUAL(count_tasks(&f, "own"), 1);
    CU_ASSERT_EQUAL(count_tasks(&f, "main"), 1); /* what was on the third one */
    CU_ASSERT_EQUAL(open_loop(&f, "main-3", NULL), 0);
    CU_ASSERT_EQUAL(cancel(&f, &third.id, "main-3", NULL), 0);
    CU_ASSERT_EQUAL(close_loop(&f, "own"), -ERROR_CONFLICT);
    CU_ASSERT_EQUAL(cancel(&f, &own.id, "own", NULL), 0);
    close_fixture(&f);
    release_call(&own);
    release_call(&third);
    release_db(path);
}

/* ---- exception handlers ---- */

struct posted {
    sem_t arrived;
    char body[1000];
};

static void post_ended(void *context, const char *body, bool delivered)
{
    struct posted *posted = context;
    CU_ASSERT_TRUE(delivered);
    snprintf(posted->body, sizeof posted->body, "%s", body);
    sem_post(&posted->arrived);
}

static void an_error_that_nobody_awaited_is_posted(void)
{
    struct posted posted = {{{0}}, ""};
    struct receiver receiver;
    struct runtime_options options = with_loops(2);
    char url[64];
    struct call call;
    setenv("no_proxy", "*", 1);
    sem_init(&posted.arrived, 0, 0);
    receiver_start(&receiver);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/204", receiver.port);
    CU_ASSERT_EQUAL_FATAL(
        poster_start(&options.poster,
                     &(struct poster_options){.ended = post_ended, .context = &posted}, NULL),
        0);
    struct fixture f = open_fixture_with(":memory:", options);
    CU_ASSERT_EQUAL(set_handler(&f, "main-2", url), 0);
    submit_to(&f, &call, "main-2",
              "{\"op\":\"sequence\",\"steps\":[{\"op\":\"create_task\",\"name\":\"t\",\"task\":"
              "{\"op\":\"raise\",\"type\":\"ValueError\",\"message\":\"lost\"}},"
              "{\"op\":\"sleep\",\"seconds\":0.001}]}",
              60);
    sem_wait(&call.over);
    sem_wait(&posted.arrived);
    CU_ASSERT_PTR_NOT_NULL(strstr(posted.body, "{\"loop\":\"main-2\",\"task\":\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(posted.body, "\"name\":null,\"error\":{\"type\":\"ValueError\","
                                               "\"message\":\"lost\",\"path\":\"/steps/0/task\"}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(posted.body, ",\"time\":\"20"));
    release_call(&call);
    close_fixture(&f);
    poster_stop(options.poster, 1000);
    receiver_stop(&receiver);
    sem_destroy(&posted.arrived);
}

CU_TestInfo tests_runtime_loops[] = {
    {"jobs_that_name_no_loop_are_spread", jobs_that_name_no_loop_are_spread},
    {"a_job_goes_to_the_loop_that_it_names", a_job_goes_to_the_loop_that_it_names},
    {"an_unknown_loop_is_refused", an_unknown_loop_is_refused},
    {"the_limit_of_open_tasks_is_that_of_all_loops", the_limit_of_open_tasks_is_that_of_all_loops},
    {"a_job_is_found_by_its_loop", a_job_is_found_by_its_loop},
    {"a_loop_is_opened_and_closed", a_loop_is_opened_and_closed},
    {"there_are_not_more_than_so_many_loops", there_are_not_more_than_so_many_loops},
    {"loops_come_and_go", loops_come_and_go},
    {"a_loop_is_closed_under_its_users", a_loop_is_closed_under_its_users},
    {"all_loops_drain", all_loops_drain},
    {"the_next_start_has_the_same_loops", the_next_start_has_the_same_loops},
    {"an_error_that_nobody_awaited_is_posted", an_error_that_nobody_awaited_is_posted},
    CU_TEST_INFO_NULL,
};
