/* Several loops: where jobs go, how they are found again, the drain, what nobody awaited. Run under
 * ThreadSanitizer too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/host/host_post.h"
#include "tests/unit/receiver.h"
#include "tests/unit/runtime_fixture.h"

extern CU_TestInfo tests_runtime_loops[];

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
    const struct waiter patient = {
        .id = call.id, .loop = "main-2", .wait_ns = 3600000000000, .ticket = 7, .done = waited};
    other.waiter = patient;
    runtime_wait(f.runtime, &other.waiter);
    runtime_give_up(f.runtime, &call.id, 7); /* knows no loop */
    sem_wait(&other.over);
    CU_ASSERT_PTR_NULL(other.ended);
    other.waiter = patient;
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

/* ---- the drain ---- */

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
    close_drained_fixture(&f);
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
              "{\"op\":\"sequence\",\"steps\":[{\"op\":\"create_task\",\"name\":\"t\",\"body\":"
              "{\"op\":\"raise\",\"type\":\"ValueError\",\"message\":\"lost\"}},"
              "{\"op\":\"sleep\",\"seconds\":0.001}]}",
              60);
    sem_wait(&call.over);
    sem_wait(&posted.arrived);
    CU_ASSERT_PTR_NOT_NULL(strstr(posted.body, "{\"loop\":\"main-2\",\"task\":\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(posted.body, "\"name\":null,\"error\":{\"type\":\"ValueError\","
                                               "\"message\":\"lost\",\"path\":\"/steps/0/body\"}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(posted.body, ",\"time\":\"20"));
    release_call(&call);
    close_fixture(&f);
    poster_stop(options.poster, 1000);
    receiver_stop(&receiver);
    sem_destroy(&posted.arrived);
}

/* ---- semaphores that they share ---- */

#define HOLD(body) "{\"op\":\"semaphore\",\"semaphore\":\"s\",\"body\":" body "}"

static void cancel_call(struct fixture *f, struct call *call)
{
    CU_ASSERT_EQUAL(cancel(f, &call->id, call->record->loop, NULL), 0);
    sem_wait(&call->over);
    CU_ASSERT_EQUAL(call->ended->state, TASK_CANCELLED);
}

static void a_semaphore_is_that_of_all_loops(void)
{
    struct fixture f = open_loops(3);
    struct call holder, leaver, next, last;
    submit_to(&f, &holder, "main-2", HOLD(FOREVER), 60);
    while (look(&f, &holder.id, "main-2") != 0)
        ;
    submit_to(&f, &leaver, "main-3", HOLD(VALUE), 60);
    submit_to(&f, &next, "main", HOLD(VALUE), 60);
    submit_to(&f, &last, "main-3", HOLD(VALUE), 60);
    cancel_call(&f, &leaver); /* while it waits: so nobody was let in */
    CU_ASSERT_EQUAL(sem_trywait(&next.over), -1);
    CU_ASSERT_EQUAL(sem_trywait(&last.over), -1);
    cancel_call(&f, &holder);
    sem_wait(&next.over);
    sem_wait(&last.over);
    CU_ASSERT_EQUAL(next.ended->state, TASK_SUCCEEDED);
    CU_ASSERT_EQUAL(last.ended->state, TASK_SUCCEEDED);
    close_fixture(&f);
    release_call(&holder);
    release_call(&leaver);
    release_call(&next);
    release_call(&last);
}

static void many_pass_one_semaphore(void)
{
    struct fixture f = open_loops(3);
    struct call calls[60];
    for (int i = 0; i < 60; i++)
        submit_to(&f, &calls[i], NULL, HOLD("{\"op\":\"sleep\",\"seconds\":0}"), 60);
    for (int i = 0; i < 60; i++) {
        sem_wait(&calls[i].over);
        CU_ASSERT_EQUAL(calls[i].ended->state, TASK_SUCCEEDED);
        release_call(&calls[i]);
    }
    close_fixture(&f);
}

static void who_holds_and_who_waits_are_let_go_at_the_end(void)
{
    struct fixture f = open_loops(3);
    struct call calls[9];
    for (int i = 0; i < 9; i++)
        submit_to(&f, &calls[i], NULL, HOLD(FOREVER), 60);
    close_fixture(&f);
    for (int i = 0; i < 9; i++)
        release_call(&calls[i]);
}

CU_TestInfo tests_runtime_loops[] = {
    {"a_semaphore_is_that_of_all_loops", a_semaphore_is_that_of_all_loops},
    {"many_pass_one_semaphore", many_pass_one_semaphore},
    {"who_holds_and_who_waits_are_let_go_at_the_end",
     who_holds_and_who_waits_are_let_go_at_the_end},
    {"jobs_that_name_no_loop_are_spread", jobs_that_name_no_loop_are_spread},
    {"a_job_goes_to_the_loop_that_it_names", a_job_goes_to_the_loop_that_it_names},
    {"an_unknown_loop_is_refused", an_unknown_loop_is_refused},
    {"the_limit_of_open_tasks_is_that_of_all_loops", the_limit_of_open_tasks_is_that_of_all_loops},
    {"a_job_is_found_by_its_loop", a_job_is_found_by_its_loop},
    {"all_loops_drain", all_loops_drain},
    {"an_error_that_nobody_awaited_is_posted", an_error_that_nobody_awaited_is_posted},
    CU_TEST_INFO_NULL,
};
