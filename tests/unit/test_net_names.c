/* Names that the network thread asks for when the name server does not answer: the test's own
 * getaddrinfo, which libcurl and the resolver find instead of the C library's, stands for it. */
#include <dlfcn.h>
#include <netdb.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "runtime/host_net.h"
#include "runtime/http_request.h"
#include "runtime/stream.h"
#include "tests/suites.h"

extern CU_TestInfo tests_net_names[];

#define N_AT_ONCE 32 /* RESOLVING_MAX */
#define N (4 * N_AT_ONCE)

static struct {
    sem_t asked, go_on;
    atomic_int n, most; /* threads that wait for the server */
} server;

static void ask_server(void)
{
    int n = atomic_fetch_add(&server.n, 1) + 1, most = atomic_load(&server.most);
    while (n > most && !atomic_compare_exchange_weak(&server.most, &most, n))
        ;
    sem_post(&server.asked);
    sem_wait(&server.go_on);
    atomic_fetch_sub(&server.n, 1);
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*ask)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");
    if (!host || !strstr(host, "slow.invalid"))
        return ask(host, port, hints, found);
    if (hints && hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    ask_server();
    return EAI_AGAIN;
}

static sem_t completed;

static void complete(struct operation *operation)
{
    (void)operation;
    sem_post(&completed);
}

/* Names of both kinds by turns. */
static struct operation *new_operation(int i)
{
    static const struct stream_step all = {.read = {.kind = READ_EOF}};
    if (i % 2) {
        struct stream_request *stream = stream_new("slow.invalid", 80, 1, 1000, 1000);
        stream_set_step(stream, 0, &all);
        return &stream->operation;
    }
    struct http_request *request = http_request_new("GET", "http://slow.invalid/");
    request->timeout = 60;
    return &request->operation;
}

static struct operation *begin(struct net *net, struct operation *operation)
{
    struct operation_backend *backend = net_backend(net);
    operation->complete = complete;
    backend->begin(backend, operation);
    return operation;
}

static void give_up(struct net *net, struct operation *operation)
{
    struct operation_backend *backend = net_backend(net);
    atomic_store(&operation->is_given_up, true);
    backend->give_up(backend, operation);
}

/* Comes after all that was begun before has begun: its connection is refused. */
static void wait_for_the_thread(struct net *net)
{
    struct http_request *request = http_request_new("GET", "http://127.0.0.1:1/");
    request->timeout = 60;
    struct operation *operation = begin(net, &request->operation);
    sem_wait(&completed);
    operation_free(operation);
}

static void what_is_given_up_is_asked_for_all_the_same(void)
{
    struct operation *operations[N];
    struct net *net;
    struct error e;
    struct net_options options = {.user_agent = "test"};
    sem_init(&completed, 0, 0);
    sem_init(&server.asked, 0, 0);
    sem_init(&server.go_on, 0, 0);
    CU_ASSERT_EQUAL_FATAL(net_policy_init(&options.policy, true, "", &e), 0);
    CU_ASSERT_EQUAL_FATAL(net_start(&net, &options, &e), 0);
    for (int i = 0; i < N; i++) {
        operations[i] = begin(net, new_operation(i));
        if (i % N_AT_ONCE != N_AT_ONCE - 1)
            continue;
        if (i == N_AT_ONCE - 1)
            for (int j = 0; j <= i; j++)
                sem_wait(&server.asked);
        wait_for_the_thread(net);
        for (int j = i + 1 - N_AT_ONCE; j <= i; j++)
            give_up(net, operations[j]);
        for (int j = i + 1 - N_AT_ONCE; j <= i; j++)
            sem_wait(&completed);
    }
    CU_ASSERT_EQUAL(server.most, N_AT_ONCE);
    for (int i = 0; i < N + 1; i++) /* there is room again */
        sem_post(&server.go_on);
    struct operation *last = begin(net, new_operation(0));
    sem_wait(&completed);
    CU_ASSERT_STRING_EQUAL(last->answer.type, "gaierror");
    net_stop(net);
    while (atomic_load(&server.n) > 0)
        sched_yield();
    operation_free(last);
    for (int i = 0; i < N; i++)
        operation_free(operations[i]);
}

CU_TestInfo tests_net_names[] = {
    {"what_is_given_up_is_asked_for_all_the_same", what_is_given_up_is_asked_for_all_the_same},
    CU_TEST_INFO_NULL,
};
