/* Loops that are opened and closed while the runtime runs, and what the next start makes of it. Run
 * under ThreadSanitizer too. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/runtime_fixture.h"

extern CU_TestInfo tests_runtime_opening[];

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

/* ---- the next start ---- */

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

CU_TestInfo tests_runtime_opening[] = {
    {"a_loop_is_opened_and_closed", a_loop_is_opened_and_closed},
    {"there_are_not_more_than_so_many_loops", there_are_not_more_than_so_many_loops},
    {"loops_come_and_go", loops_come_and_go},
    {"a_loop_is_closed_under_its_users", a_loop_is_closed_under_its_users},
    {"the_next_start_has_the_same_loops", the_next_start_has_the_same_loops},
    CU_TEST_INFO_NULL,
};
