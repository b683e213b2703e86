/* Names, with a name server that answers when it is told to: some never. */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/host/host_net.h"
#include "runtime/host/host_net_resolve.h"
#include "runtime/http_request.h"
#include "tests/suites.h"

extern CU_TestInfo tests_resolve[];

/* ---- the name server ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned n_stuck, n_asked;
static bool is_stuck;

/* In place of libc's. "slow.test" is 127.0.0.1, once nothing is stuck. */
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!host || strcmp(host, "slow.test") != 0 || hints->ai_flags & AI_NUMERICHOST)
        return real(host, service, hints, found);
    pthread_mutex_lock(&lock);
    n_stuck++;
    n_asked++;
    pthread_cond_broadcast(&changed);
    while (is_stuck)
        pthread_cond_wait(&changed, &lock);
    n_stuck--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return real("127.0.0.1", service, hints, found);
}

static void stick(bool yes)
{
    pthread_mutex_lock(&lock);
    is_stuck = yes;
    n_asked = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_stuck(unsigned n)
{
    pthread_mutex_lock(&lock);
    while (n_stuck != n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static unsigned count_asked(void)
{
    pthread_mutex_lock(&lock);
    unsigned n = n_asked;
    pthread_mutex_unlock(&lock);
    return n;
}

/* ---- who asks ---- */

struct asker {
    uv_loop_t loop;
    uv_async_t bell;
    struct resolver *resolver;
    unsigned n_found, n_failed, n_wanted;
};

static void rung(uv_async_t *bell)
{
    struct asker *asker = bell->data;
    resolver_take(asker->resolver);
    if (asker->n_found + asker->n_failed == asker->n_wanted)
        uv_stop(&asker->loop);
}

static void asker_open(struct asker *asker)
{
    *asker = (struct asker){0};
    uv_loop_init(&asker->loop);
    uv_async_init(&asker->loop, &asker->bell, rung);
    asker->bell.data = asker;
    asker->resolver = resolver_open(&asker->bell);
}

static void asker_close(struct asker *asker)
{
    resolver_close(asker->resolver);
    uv_close((uv_handle_t *)&asker->bell, NULL);
    uv_run(&asker->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&asker->loop), 0);
}

static void done(struct lookup *lookup)
{
    struct asker *asker = lookup->context;
    asker->n_found += lookup->error == 0 && lookup->found != NULL;
    asker->n_failed += lookup->error != 0 && lookup->found == NULL;
}

static struct lookup *ask(struct asker *asker, const char *host)
{
    return resolver_ask(asker->resolver, host, 80, done, asker);
}

static void wait_for(struct asker *asker, unsigned n)
{
    asker->n_wanted = n;
    if (asker->n_found + asker->n_failed < n)
        uv_run(&asker->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(asker->n_found + asker->n_failed, n);
}

static void names_are_found_or_not(void)
{
    struct asker asker;
    asker_open(&asker);
    ask(&asker, "127.0.0.1");
    ask(&asker, "slow.test");
    ask(&asker, "not a name");
    wait_for(&asker, 3);
    CU_ASSERT_EQUAL(asker.n_found, 2);
    asker_close(&asker);
}

static void digits_need_no_thread(void)
{
    struct addrinfo *found = resolve_digits("127.0.0.1", 80);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    CU_ASSERT_PTR_NULL(found->ai_next);
    freeaddrinfo(found);
    found = resolve_digits("::1", 80);
    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    freeaddrinfo(found);
    CU_ASSERT_PTR_NULL(resolve_digits("localhost", 80));
}

/* Those that are given up keep their threads, and others wait until there is one; who was given up
 * while he waited is not asked for. */
static void there_are_never_more_than_so_many(void)
{
    struct lookup *lookups[600];
    struct asker asker;
    asker_open(&asker);
    stick(true);
    for (int i = 0; i < 600; i++)
        lookups[i] = ask(&asker, "slow.test");
    wait_stuck(256);
    for (int i = 0; i < 500; i++)
        lookup_cancel(lookups[i]);
    CU_ASSERT_EQUAL(count_asked(), 256);
    stick(false);
    wait_for(&asker, 100);
    CU_ASSERT_EQUAL(asker.n_found, 100);
    CU_ASSERT_EQUAL(count_asked(), 100);
    wait_stuck(0);
    asker_close(&asker);
}

static void nobody_waits_for_the_threads(void)
{
    struct asker asker;
    asker_open(&asker);
    stick(true);
    for (int i = 0; i < 300; i++)
        ask(&asker, "slow.test");
    wait_stuck(256);
    asker_close(&asker);
    CU_ASSERT_EQUAL(asker.n_found, 0);
    stick(false);
    wait_stuck(0);
}

/* ---- libcurl, which asks by itself ---- */

#define AT_ONCE 32 /* RESOLVING_MAX */
#define FETCHES (4 * AT_ONCE)

static sem_t completed;

static void complete(struct operation *operation)
{
    (void)operation;
    sem_post(&completed);
}

static struct operation *begin(struct net *net, const char *url)
{
    struct operation_backend *backend = net_backend(net);
    struct http_request *request = http_request_new("GET", url);
    request->timeout = 60;
    request->operation.complete = complete;
    backend->begin(backend, &request->operation);
    return &request->operation;
}

static void give_up(struct net *net, struct operation *operation)
{
    struct operation_backend *backend = net_backend(net);
    atomic_store(&operation->is_given_up, true);
    backend->give_up(backend, operation);
    sem_wait(&completed);
    operation_free(operation);
}

/* A connection that is refused; all that was begun before has begun by then. */
static void be_refused(struct net *net, const char *url)
{
    struct operation *operation = begin(net, url);
    sem_wait(&completed);
    CU_ASSERT_STRING_EQUAL(operation->answer.type, "ConnectionRefusedError");
    operation_free(operation);
}

static void requests_that_are_given_up_count_until_their_names_are_known(void)
{
    struct operation *operations[FETCHES];
    struct net *net;
    struct error e;
    struct net_options options = {.user_agent = "test"};
    sem_init(&completed, 0, 0);
    stick(true);
    CU_ASSERT_EQUAL_FATAL(net_policy_init(&options.policy, true, "", &e), 0);
    CU_ASSERT_EQUAL_FATAL(net_start(&net, &options, &e), 0);
    for (int i = 0; i < FETCHES; i += AT_ONCE) {
        for (int j = i; j < i + AT_ONCE; j++)
            operations[j] = begin(net, "http://slow.test:1/");
        if (i == 0)
            wait_stuck(AT_ONCE);
        be_refused(net, "http://127.0.0.1:1/");
        for (int j = i; j < i + AT_ONCE; j++)
            give_up(net, operations[j]);
    }
    CU_ASSERT_EQUAL(count_asked(), AT_ONCE);
    stick(false);
    be_refused(net, "http://slow.test:1/"); /* there is room again */
    net_stop(net);
    wait_stuck(0);
    sem_destroy(&completed);
}

CU_TestInfo tests_resolve[] = {
    {"requests_that_are_given_up_count_until_their_names_are_known",
     requests_that_are_given_up_count_until_their_names_are_known},
    {"names are found or not", names_are_found_or_not},
    {"digits need no thread", digits_need_no_thread},
    {"there are never more than so many", there_are_never_more_than_so_many},
    {"nobody waits for the threads", nobody_waits_for_the_threads},
    CU_TEST_INFO_NULL,
};
