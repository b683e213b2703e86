/* The poster against a receiver in the same process: what arrives, what is tried again, what is
 * dropped, and when it ends. Run under ThreadSanitizer too. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/host/host_post.h"
#include "runtime/host/host_url.h"
#include "tests/suites.h"
#include "tests/unit/receiver.h"

extern CU_TestInfo tests_poster[];

#define TRIES 6

/* ---- the poster ---- */

struct fixture {
    struct receiver receiver;
    struct poster *poster;
    sem_t end; /* of a post */
    atomic_int n_delivered, n_dropped;
};

static void ended(void *context, const char *body, bool delivered)
{
    struct fixture *f = context;
    CU_ASSERT_PTR_NOT_NULL(strchr(body, '\n'));
    atomic_fetch_add(delivered ? &f->n_delivered : &f->n_dropped, 1);
    sem_post(&f->end);
}

static void start_with(struct fixture *f, struct poster_options options)
{
    struct error e = {0};
    setenv("no_proxy", "*", 1); /* whatever the environment says */
    *f = (struct fixture){0};
    sem_init(&f->end, 0, 0);
    receiver_start(&f->receiver);
    options.ended = ended;
    options.context = f;
    options.user_agent = "awaitd/test";
    CU_ASSERT_EQUAL_FATAL(poster_start(&f->poster, &options, &e), 0);
}

static void start(struct fixture *f)
{
    start_with(f, (struct poster_options){.first_delay_ms = 1});
}

static void stop(struct fixture *f, int64_t grace_ms)
{
    poster_stop(f->poster, grace_ms);
    receiver_stop(&f->receiver);
    sem_destroy(&f->end);
}

static void post(struct fixture *f, unsigned port, const char *path, const char *json)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
    poster_post(f->poster, url, strdup(json));
}

static void post_number(struct fixture *f, unsigned port, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    post(f, port, "/200", text);
}

static void wait_for_ends(struct fixture *f, int n)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 60;
    while (n-- > 0)
        CU_ASSERT_EQUAL_FATAL(sem_clockwait(&f->end, CLOCK_MONOTONIC, &until), 0);
}

static void check_ends(const struct fixture *f, int n_delivered, int n_dropped)
{
    CU_ASSERT_EQUAL(atomic_load(&f->n_delivered), n_delivered);
    CU_ASSERT_EQUAL(atomic_load(&f->n_dropped), n_dropped);
}

static void check_numbers(const struct fixture *f, int n)
{
    for (int i = 0; i < n; i++)
        CU_ASSERT_EQUAL(f->receiver.numbers[i], 1);
}

/* ---- standard error, for a while ---- */

static int stderr_before;

static FILE *stderr_catch(void)
{
    FILE *file = tmpfile();
    stderr_before = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    return file;
}

static void stderr_release(FILE *file, char *text, size_t size)
{
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* ---- delivered ---- */

static void test_delivered(void)
{
    struct fixture f;
    start(&f);
    post(&f, f.receiver.port, "/201", "{\"error\":\"é\"}");
    wait_for_ends(&f, 1);
    stop(&f, 0);
    check_ends(&f, 1, 0);
    CU_ASSERT_STRING_EQUAL(f.receiver.line, "POST /201");
    CU_ASSERT_STRING_EQUAL(f.receiver.type, "application/json");
    CU_ASSERT_STRING_EQUAL(f.receiver.agent, "awaitd/test");
    CU_ASSERT_STRING_EQUAL(f.receiver.body, "{\"error\":\"é\"}\n");
}

static void test_retried(void)
{
    struct fixture f;
    start(&f);
    f.receiver.n_failures = 2;
    post(&f, f.receiver.port, "/200", "{}");
    wait_for_ends(&f, 1);
    stop(&f, 0);
    check_ends(&f, 1, 0);
    CU_ASSERT_EQUAL(f.receiver.n_requests, 3);
}

static void test_redirected(void)
{
    struct fixture f;
    start(&f);
    post(&f, f.receiver.port, "/307", "7");
    wait_for_ends(&f, 1);
    post(&f, f.receiver.port, "/302", "8");
    wait_for_ends(&f, 1);
    stop(&f, 0);
    check_ends(&f, 2, 0);
    CU_ASSERT_STRING_EQUAL(f.receiver.line, "POST /204");
    CU_ASSERT_STRING_EQUAL(f.receiver.body, "8\n");
    CU_ASSERT_EQUAL(f.receiver.numbers[7], 2);
}

static void *post_a_quarter(void *context)
{
    struct fixture *f = context;
    static atomic_int next;
    int first = atomic_fetch_add(&next, 1) % 4 * (RECEIVER_NUMBERS / 4);
    for (int i = first; i < first + RECEIVER_NUMBERS / 4; i++)
        post_number(f, f->receiver.port, i);
    return NULL;
}

static void test_many(void)
{
    struct fixture f;
    pthread_t threads[4];
    start(&f);
    f.receiver.n_failures = 10;
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, post_a_quarter, &f), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    wait_for_ends(&f, RECEIVER_NUMBERS);
    stop(&f, 0);
    check_ends(&f, RECEIVER_NUMBERS, 0);
    CU_ASSERT_EQUAL(f.receiver.n_requests, RECEIVER_NUMBERS + 10);
}

static void test_slow_neighbour(void)
{
    struct fixture f;
    unsigned deaf_port;
    int deaf = deaf_socket(100, &deaf_port);
    start(&f);
    for (int i = 0; i < 50; i++)
        post(&f, deaf_port, "/", "{}");
    for (int i = 0; i < 20; i++)
        post_number(&f, f.receiver.port, i);
    wait_for_ends(&f, 20);
    check_ends(&f, 20, 0);
    check_numbers(&f, 20);
    stop(&f, 0);
    check_ends(&f, 20, 50);
    close(deaf);
}

/* ---- dropped ---- */

static void test_given_up(void)
{
    struct fixture f;
    start(&f);
    post(&f, f.receiver.port, "/404", "{}");
    wait_for_ends(&f, 1);
    stop(&f, 0);
    check_ends(&f, 0, 1);
    CU_ASSERT_EQUAL(f.receiver.n_requests, TRIES);
}

static void test_refused(void)
{
    struct fixture f;
    unsigned port;
    int deaf = deaf_socket(0, &port);
    char url[64], public[64], text[1024];
    snprintf(url, sizeof url, "http://user:secret@127.0.0.1:%u/x", port);
    snprintf(public, sizeof public, "to http://127.0.0.1:%u/x: dropped: ", port);
    FILE *lines = stderr_catch();
    start(&f);
    poster_post(f.poster, url, strdup("{}"));
    wait_for_ends(&f, 1);
    stop(&f, 0);
    stderr_release(lines, text, sizeof text);
    check_ends(&f, 0, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, public));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "connect"));
    CU_ASSERT_PTR_NULL(strstr(text, "secret"));
    close(deaf);
}

/* Neither tried again nor connected to. */
static void test_policy(void)
{
    struct fixture f;
    struct net_policy policy;
    struct error e;
    char text[1000];
    CU_ASSERT_EQUAL_FATAL(net_policy_init(&policy, false, "", &e), 0);
    FILE *lines = stderr_catch();
    start_with(&f, (struct poster_options){.policy = &policy});
    post(&f, f.receiver.port, "/200", "{}");
    poster_post(f.poster, "http://169.254.169.254/", strdup("{}"));
    wait_for_ends(&f, 2);
    stop(&f, 0);
    stderr_release(lines, text, sizeof text);
    check_ends(&f, 0, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "dropped: 127.0.0.1 is loopback"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "dropped: 169.254.169.254 is link-local"));
    net_policy_release(&policy);
}

static void test_timed_out(void)
{
    struct fixture f;
    unsigned port;
    int deaf = deaf_socket(10, &port);
    start_with(&f, (struct poster_options){.first_delay_ms = 1, .timeout_ms = 20});
    post(&f, port, "/", "{}");
    wait_for_ends(&f, 1);
    stop(&f, 0);
    check_ends(&f, 0, 1);
    close(deaf);
}

/* No second try, for which they would have to wait an hour. */
static void test_only_http(void)
{
    struct fixture f;
    start_with(&f, (struct poster_options){.first_delay_ms = 3600000});
    poster_post(f.poster, "file:///etc/hostname", strdup("{}"));
    poster_post(f.poster, "http://[", strdup("{}"));
    post(&f, f.receiver.port, "/308", "{}");
    wait_for_ends(&f, 3);
    stop(&f, 0);
    check_ends(&f, 0, 3);
}

static void test_too_many(void)
{
    struct fixture f;
    unsigned deaf_port;
    int deaf = deaf_socket(100, &deaf_port);
    start_with(&f, (struct poster_options){.max_posts = 10});
    for (int i = 0; i < 30; i++)
        post(&f, deaf_port, "/", "{}");
    check_ends(&f, 0, 20);
    post(&f, f.receiver.port, "/200", "1"); /* the newest goes out */
    wait_for_ends(&f, 22);
    check_ends(&f, 1, 21);
    stop(&f, 0);
    check_ends(&f, 1, 30);
    close(deaf);
}

static void test_too_big(void)
{
    struct fixture f;
    start_with(&f, (struct poster_options){.max_bytes = 20});
    post(&f, f.receiver.port, "/200", "\"more than twenty bytes\"");
    check_ends(&f, 0, 1);
    post(&f, f.receiver.port, "/200", "\"less than that\"");
    wait_for_ends(&f, 2);
    stop(&f, 0);
    check_ends(&f, 1, 1);
}

/* ---- the end ---- */

static void test_stop_delivers(void)
{
    struct fixture f;
    start(&f);
    f.receiver.n_failures = 5;
    for (int i = 0; i < 100; i++)
        post_number(&f, f.receiver.port, i);
    stop(&f, 60000);
    check_ends(&f, 100, 0);
}

static void test_stop_drops(void)
{
    struct fixture f;
    unsigned deaf_port, closed_port;
    int deaf = deaf_socket(100, &deaf_port), closed = deaf_socket(0, &closed_port);
    start_with(&f, (struct poster_options){.first_delay_ms = 3600000});
    for (int i = 0; i < 10; i++) {
        post(&f, deaf_port, "/", "{}");
        post(&f, closed_port, "/", "{}");
    }
    stop(&f, 50);
    check_ends(&f, 0, 20);
    close(deaf);
    close(closed);
}

static void test_stop_idle(void)
{
    struct fixture f;
    start(&f);
    stop(&f, 3600000);
    check_ends(&f, 0, 0);
}

static void test_takes(void)
{
    static const char *const good[] = {"http://localhost", "https://example.org:8443/a?b=c#d",
                                       "HTTP://[::1]:80/", "http://user:word@10.0.0.1/"};
    static const char *const bad[] = {"",
                                      "localhost",
                                      "/errors",
                                      "ftp://localhost/",
                                      "file:///etc/passwd",
                                      "http://",
                                      "http:///errors",
                                      "http:",
                                      "http://localhost:99999/",
                                      "http://[",
                                      "http://a b/",
                                      "https:",
                                      "http://localhost/\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CU_ASSERT_TRUE(url_is_http(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_FALSE(url_is_http(bad[i]));
}

CU_TestInfo tests_poster[] = {
    {"takes", test_takes},
    {"delivered", test_delivered},
    {"retried", test_retried},
    {"redirected", test_redirected},
    {"many", test_many},
    {"slow neighbour", test_slow_neighbour},
    {"given up", test_given_up},
    {"refused", test_refused},
    {"policy", test_policy},
    {"timed out", test_timed_out},
    {"only http", test_only_http},
    {"too many", test_too_many},
    {"too big", test_too_big},
    {"stop delivers", test_stop_delivers},
    {"stop drops", test_stop_drops},
    {"stop idle", test_stop_idle},
    CU_TEST_INFO_NULL,
};
