/* The network thread under operations that are begun, given up and left alone when it stops; and
 * what may stand in a request. */
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/host/host_net.h"
#include "runtime/http_request.h"
#include "runtime/stream.h"
#include "tests/suites.h"

extern CU_TestInfo tests_net[];

#define N 200

/* Accepts, and says nothing: connections wait in its queue. */
struct silent {
    int fd;
    char url[64];
};

static void silent_open(struct silent *silent)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    silent->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(silent->fd, (struct sockaddr *)&address, size), 0);
    CU_ASSERT_EQUAL_FATAL(listen(silent->fd, N), 0);
    getsockname(silent->fd, (struct sockaddr *)&address, &size);
    snprintf(silent->url, sizeof silent->url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
}

/* An operation of the test's own: it counts how often it is completed. */
struct fixture {
    struct net *net;
    sem_t completed;
    atomic_int n_completed;
    struct http_request *requests[N];
};

static void completed(struct operation *operation)
{
    struct fixture *f = operation->host;
    atomic_fetch_add(&f->n_completed, 1);
    sem_post(&f->completed);
}

static void open_fixture_with(struct fixture *f, bool allows_private, struct net_options options)
{
    struct error e;
    options.user_agent = "test";
    *f = (struct fixture){0};
    sem_init(&f->completed, 0, 0);
    CU_ASSERT_EQUAL_FATAL(net_policy_init(&options.policy, allows_private, "", &e), 0);
    CU_ASSERT_EQUAL_FATAL(net_start(&f->net, &options, &e), 0);
}

static void open_fixture(struct fixture *f, bool allows_private)
{
    open_fixture_with(f, allows_private, (struct net_options){0});
}

static void begin(struct fixture *f, int i, const char *url, double timeout)
{
    struct operation_backend *backend = net_backend(f->net);
    f->requests[i] = http_request_new("GET", url);
    f->requests[i]->timeout = timeout;
    f->requests[i]->max_body = 1000;
    f->requests[i]->operation.complete = completed;
    f->requests[i]->operation.host = f;
    backend->begin(backend, &f->requests[i]->operation);
}

static void give_up(struct fixture *f, int i)
{
    struct operation_backend *backend = net_backend(f->net);
    atomic_store(&f->requests[i]->operation.is_given_up, true);
    backend->give_up(backend, &f->requests[i]->operation);
}

static void free_requests(struct fixture *f)
{
    for (int i = 0; i < N; i++)
        if (f->requests[i])
            operation_free(&f->requests[i]->operation);
    sem_destroy(&f->completed);
}

static void check_answer(struct fixture *f, int i, const char *type, const char *text)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->requests[i]->operation.answer.type);
    CU_ASSERT_STRING_EQUAL(f->requests[i]->operation.answer.type, type);
    if (!strstr(f->requests[i]->operation.answer.text, text))
        CU_FAIL(f->requests[i]->operation.answer.text);
}

static void it_stops_with_nothing_to_do(void)
{
    struct fixture f;
    open_fixture(&f, true);
    net_stop(f.net);
    free_requests(&f);
}

static void what_is_given_up_is_completed(void)
{
    struct fixture f;
    struct silent silent;
    silent_open(&silent);
    open_fixture(&f, true);
    for (int i = 0; i < N; i++) {
        begin(&f, i, silent.url, 60);
        if (i % 2)
            give_up(&f, i);
    }
    for (int i = 0; i < N; i += 2)
        give_up(&f, i);
    for (int i = 0; i < N; i++)
        sem_wait(&f.completed);
    net_stop(f.net);
    CU_ASSERT_EQUAL(f.n_completed, N);
    free_requests(&f);
    close(silent.fd);
}

static void what_is_under_way_is_dropped_at_the_end(void)
{
    struct fixture f;
    struct silent silent;
    silent_open(&silent);
    open_fixture(&f, true);
    for (int i = 0; i < N; i++)
        begin(&f, i, i % 3 ? silent.url : "http://localhost:1/", 60);
    net_stop(f.net);
    CU_ASSERT_EQUAL(f.n_completed, N);
    free_requests(&f);
    close(silent.fd);
}

static void deadlines_come(void)
{
    struct fixture f;
    struct silent silent;
    silent_open(&silent);
    open_fixture(&f, true);
    for (int i = 0; i < 20; i++)
        begin(&f, i, silent.url, 0.001 * i);
    for (int i = 0; i < 20; i++)
        sem_wait(&f.completed);
    for (int i = 0; i < 20; i++)
        check_answer(&f, i, "TimeoutError", silent.url);
    net_stop(f.net);
    free_requests(&f);
    close(silent.fd);
}

static void the_policy_is_asked(void)
{
    struct fixture f;
    struct silent silent;
    silent_open(&silent);
    open_fixture(&f, false);
    begin(&f, 0, silent.url, 60);
    begin(&f, 1, "http://169.254.169.254/", 60);
    sem_wait(&f.completed);
    sem_wait(&f.completed);
    check_answer(&f, 0, "PermissionError", "127.0.0.1 is loopback");
    check_answer(&f, 1, "PermissionError", "169.254.169.254 is link-local");
    net_stop(f.net);
    free_requests(&f);
    close(silent.fd);
}

/* Takes a connection, reads the request, and says what is given. The descriptor. */
static int answer_one(struct silent *silent, const char *text)
{
    char request[1000];
    int fd = accept4(silent->fd, NULL, NULL, SOCK_CLOEXEC);
    CU_ASSERT_TRUE(read(fd, request, sizeof request) > 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static void kept_connections_are_closed_in_the_end(void)
{
    struct fixture f;
    struct silent silent;
    char byte;
    silent_open(&silent);
    open_fixture_with(&f, true, (struct net_options){.idle = 0.05});
    begin(&f, 0, silent.url, 60);
    int fd = answer_one(&silent, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    sem_wait(&f.completed);
    CU_ASSERT_EQUAL(read(fd, &byte, 1), 0);
    close(fd);
    begin(&f, 1, silent.url, 60); /* all goes on */
    close(answer_one(&silent, "HTTP/1.1 200 OK\r\n\r\nok"));
    sem_wait(&f.completed);
    CU_ASSERT_PTR_NULL(f.requests[1]->operation.answer.type);
    net_stop(f.net);
    free_requests(&f);
    close(silent.fd);
}

static void bodies_have_a_limit_all_together(void)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n0123456789";
    struct fixture f;
    struct silent silent;
    silent_open(&silent);
    open_fixture_with(&f, true, (struct net_options){.max_bodies = 15});
    begin(&f, 0, silent.url, 60);
    begin(&f, 1, silent.url, 60);
    int fds[] = {answer_one(&silent, head), answer_one(&silent, head)};
    sem_wait(&f.completed); /* the one that was too much; there is room for the other */
    for (int i = 0; i < 2; i++)
        send(fds[i], "abcd", 4, MSG_NOSIGNAL);
    sem_wait(&f.completed);
    int failed = f.requests[0]->operation.answer.type ? 0 : 1;
    check_answer(&f, failed, "MemoryError", "no room");
    CU_ASSERT_PTR_NULL(f.requests[!failed]->operation.answer.type);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.requests[!failed]->operation.answer.text, "0123456789abcd"));
    net_stop(f.net);
    free_requests(&f);
    close(fds[0]);
    close(fds[1]);
    close(silent.fd);
}

static void so_have_conversations(void)
{
    static const struct stream_step all = {.read = {.kind = READ_EOF}};
    struct fixture f;
    struct silent silent;
    silent_open(&silent);
    open_fixture_with(&f, true, (struct net_options){.max_bodies = 15});
    struct operation_backend *backend = net_backend(f.net);
    for (int i = 0; i < 3; i++) { /* the second one is too much; then there is room again */
        struct stream_request *stream =
            stream_new("127.0.0.1", atoi(strrchr(silent.url, ':') + 1), 1, 1000, 1000);
        stream_set_step(stream, 0, &all);
        stream->operation.complete = completed;
        stream->operation.host = &f;
        backend->begin(backend, &stream->operation);
        int fd = accept4(silent.fd, NULL, NULL, SOCK_CLOEXEC);
        CU_ASSERT_EQUAL(send(fd, "0123456789abcdef", i == 1 ? 16 : 15, MSG_NOSIGNAL) > 0, true);
        shutdown(fd, SHUT_WR);
        sem_wait(&f.completed);
        close(fd);
        if (i == 1)
            CU_ASSERT_STRING_EQUAL(stream->operation.answer.type, "MemoryError");
        if (i != 1)
            CU_ASSERT_STRING_EQUAL(stream->operation.answer.text, "\"0123456789abcde\"");
        operation_free(&stream->operation);
    }
    net_stop(f.net);
    free_requests(&f);
    close(silent.fd);
}

/* ---- requests ---- */

static void what_may_stand_in_a_request(void)
{
    static const char *const methods[] = {"GET", "get", "M-SEARCH", "X!#$%&'*+.^_`|~9"};
    static const char *const no_methods[] = {"", "G T", "GET\r\n", "G\xc3", "TRACE", "Connect"};
    static const char *const values[] = {"", " ", "a\tb", "\xc3\xb1", "\xff", "a: b, \"c\""};
    static const char *const no_values[] = {"a\r\nb", "a\nb", "\r", "\x01", "\x7f", "\x1b[0m"};
    static const char *const no_names[] = {"",
                                           "a b",
                                           "a:",
                                           "\xc3\xb1",
                                           "a\r",
                                           "(a)",
                                           "te",
                                           "EXPECT",
                                           "Content-length",
                                           "Connection",
                                           "transfer-Encoding"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        CU_ASSERT_PTR_NULL(http_check_method(methods[i]));
    for (size_t i = 0; i < sizeof no_methods / sizeof *no_methods; i++)
        CU_ASSERT_PTR_NOT_NULL(http_check_method(no_methods[i]));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        CU_ASSERT_PTR_NULL(http_check_header("X-A", values[i]));
    for (size_t i = 0; i < sizeof no_values / sizeof *no_values; i++)
        CU_ASSERT_PTR_NOT_NULL(http_check_header("X-A", no_values[i]));
    for (size_t i = 0; i < sizeof no_names / sizeof *no_names; i++)
        CU_ASSERT_PTR_NOT_NULL(http_check_header(no_names[i], "a"));
}

static void headers_come_once(void)
{
    static const char *const good[] = {"A=1", "AB=2", "B=A=3", NULL};
    static const char *const twice[] = {"Host=a", "X=1", "hOST=b", NULL};
    static const char *const bad[] = {"A=1", "B=\n", "C=\n", NULL};
    char at[HTTP_NAME_SHOWN];
    CU_ASSERT_PTR_NULL(http_check_headers(good, at));
    CU_ASSERT_STRING_EQUAL(http_check_headers(twice, at), "must not be given twice");
    CU_ASSERT_STRING_EQUAL(at, "hOST");
    CU_ASSERT_PTR_NOT_NULL(http_check_headers(bad, at));
    CU_ASSERT_STRING_EQUAL(at, "B");
}

static void a_trace_unless_there_is_one(void)
{
    const struct id id = {{0x01, 0xa2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xff}};
    struct http_request *request = http_request_new("get", "http://a/");
    http_request_add_traceparent(request, &id, NULL);
    http_request_add_traceparent(request, &id, NULL);
    CU_ASSERT_STRING_EQUAL(request->method, "GET");
    CU_ASSERT_EQUAL(request->n_headers, 1);
    CU_ASSERT_STRING_EQUAL(request->headers[0],
                           "traceparent: 00-01a2030405060708090a0b0c0d0e0fff-090a0b0c0d0e0fff-01");
    operation_free(&request->operation);
    request = http_request_new("GET", "http://a/");
    http_request_add(request, "TraceParent", "00-1-2-00");
    http_request_add_traceparent(request, &id, NULL);
    CU_ASSERT_EQUAL(request->n_headers, 1);
    operation_free(&request->operation);
}

static void check_trace(const char *labels, const char *expected)
{
    const struct id id = {{0xaa, 0xaa, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xff}};
    struct http_request *request = http_request_new("GET", "http://a/");
    http_request_add_traceparent(request, &id, labels);
    CU_ASSERT_PTR_NOT_NULL(strstr(request->headers[0], expected));
    operation_free(&request->operation);
}

static void the_trace_of_who_submitted_it(void)
{
#define TRACE "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
    check_trace("{\"a\":\"b\",\"traceparent\":\"00-" TRACE "-00\"}", ": 00-" TRACE "-00");
    check_trace("{\"traceparent\":\"cc-" TRACE "-01-more\"}", ": cc-" TRACE "-01");
    check_trace("{\"traceparent\":\"ff-" TRACE "-01\"}", ": 00-aaaa0304");
    check_trace("{\"traceparent\":\"00-" TRACE "\"}", ": 00-aaaa0304");
    check_trace("{\"traceparent\":\"\"}", ": 00-aaaa0304");
    check_trace("{\"a\":\"\\\"traceparent\\\":\\\"00-" TRACE "-00\"}", ": 00-aaaa0304");
    check_trace("{\"traceparent\":\"00-00000000000000000000000000000000-b7ad6b7169203331-00\"}",
                ": 00-aaaa0304");
}

/* ---- responses ---- */

static void check_result(const struct http_header *headers, size_t n, const char *body, size_t size,
                         const char *expected)
{
    struct http_request *request = http_request_new("GET", "http://a/");
    const struct http_response response = {.status = 200,
                                           .url = "http://a/",
                                           .headers = headers,
                                           .n_headers = n,
                                           .body = body,
                                           .body_size = size};
    http_answer(request, &response, &request->operation.answer);
    CU_ASSERT_PTR_NULL(request->operation.answer.type);
    CU_ASSERT_STRING_EQUAL(request->operation.answer.text, expected);
    CU_ASSERT_EQUAL(request->operation.answer.size, strlen(expected));
    operation_free(&request->operation);
}

static void responses_in_the_words_of_jobs(void)
{
    static const struct http_header json = {"CONTENT-TYPE", "Application/JSON;charset=utf-8"};
    static const struct http_header odd[] = {
        {"A", "1"}, {"Set-Cookie", "x"}, {"a", "\xf1\""}, {"set-cookie", "y\tz"}};
    check_result(NULL, 0, "", 0,
                 "{\"status\":200,\"url\":\"http://a/\",\"headers\":{},\"body\":\"\"}");
    check_result(
        &json, 1, " [1, 2.50]\n", 11,
        "{\"status\":200,\"url\":\"http://a/\",\"headers\":{\"content-type\":"
        "\"Application/JSON;charset=utf-8\"},\"body\":\" [1, 2.50]\\n\",\"json\":[1,2.5]}");
    check_result(&json, 1, "{\"a\":1,\"a\":2}", 13,
                 "{\"status\":200,\"url\":\"http://a/\",\"headers\":{\"content-type\":"
                 "\"Application/JSON;charset=utf-8\"},\"body\":\"{\\\"a\\\":1,\\\"a\\\":2}\"}");
    check_result(odd, 4, "\0\xff", 2,
                 "{\"status\":200,\"url\":\"http://a/\",\"headers\":{\"a\":\"1, \xc3\xb1\\\"\","
                 "\"set-cookie\":[\"x\",\"y\\tz\"]},\"body_base64\":\"AP8=\"}");
}

CU_TestInfo tests_net[] = {
    {"it_stops_with_nothing_to_do", it_stops_with_nothing_to_do},
    {"what_is_given_up_is_completed", what_is_given_up_is_completed},
    {"what_is_under_way_is_dropped_at_the_end", what_is_under_way_is_dropped_at_the_end},
    {"deadlines_come", deadlines_come},
    {"the_policy_is_asked", the_policy_is_asked},
    {"kept_connections_are_closed_in_the_end", kept_connections_are_closed_in_the_end},
    {"bodies_have_a_limit_all_together", bodies_have_a_limit_all_together},
    {"so_have_conversations", so_have_conversations},
    {"what_may_stand_in_a_request", what_may_stand_in_a_request},
    {"headers_come_once", headers_come_once},
    {"a_trace_unless_there_is_one", a_trace_unless_there_is_one},
    {"the_trace_of_who_submitted_it", the_trace_of_who_submitted_it},
    {"responses_in_the_words_of_jobs", responses_in_the_words_of_jobs},
    CU_TEST_INFO_NULL,
};
