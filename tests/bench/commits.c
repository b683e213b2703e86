/* How long a durable submission takes: threads that each insert a task, wait until it is on disk,
 * and let it end, at a steady rate or (0) as fast as they can. Latencies count from when a task was
 * due, so that a stall is seen by all who came into it.
 *
 * With RULES (as --retain's) the housekeeper is at work meanwhile.
 *
 *   commits FILE SECONDS THREADS RATE [BYTES [RULES]] */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/bug.h"
#include "runtime/base/clock.h"
#include "runtime/housekeeper.h"
#include "runtime/store/store.h"

struct client {
    pthread_t thread;
    struct store *store;
    unsigned number;
    int64_t begin_ns, end_ns, period_ns;
    size_t spec_size;
    double *ms; /* latencies */
    size_t n, capacity;
};

struct write {
    struct store_request request;
    sem_t *done;
    int status;
};

static int64_t wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void inserted(struct store_request *request, int status)
{
    struct write *write = (struct write *)request;
    write->status = status;
    sem_post(write->done);
}

static void finished(struct store_request *request, int status)
{
    (void)status;
    task_record_unref(request->record);
    free(request);
}

static struct task_record *record_of(struct client *client)
{
    struct task_record *record = task_record_new();
    record->created_at_us = wall_us();
    record->id = id_make(record->created_at_us, ((uint64_t)client->number << 40) + client->n);
    record->spec = malloc(client->spec_size + 1);
    memset(record->spec, 'x', client->spec_size);
    record->spec[client->spec_size] = '\0';
    return record;
}

static void submit_one(struct client *client, sem_t *done)
{
    struct task_record *record = record_of(client), *end = task_record_new();
    struct write write = {.request = {.verb = STORE_INSERT, .record = record, .done = inserted},
                          .done = done};
    store_submit(client->store, &write.request);
    while (sem_wait(done) != 0)
        ;
    BUG_ON(write.status != 0);
    end->id = record->id;
    end->state = TASK_SUCCEEDED;
    end->started_at_us = record->created_at_us;
    end->finished_at_us = wall_us();
    end->result = strdup("{\"returncode\":0,\"stdout\":\"a line of output\"}");
    struct store_request *finish = calloc(1, sizeof *finish);
    *finish = (struct store_request){.verb = STORE_FINISH, .record = end, .done = finished};
    store_submit(client->store, finish);
    task_record_unref(record);
}

static void *run(void *context)
{
    struct client *client = context;
    sem_t done;
    sem_init(&done, 0, 0);
    for (int64_t due = client->begin_ns; due < client->end_ns;) {
        int64_t now = clock_now_ns();
        if (client->period_ns == 0)
            due = now;
        else if (now < due) {
            struct timespec until = {due / 1000000000, due % 1000000000};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        }
        submit_one(client, &done);
        if (client->n == client->capacity) {
            client->capacity = client->capacity ? client->capacity * 2 : 4096;
            client->ms = realloc(client->ms, client->capacity * sizeof *client->ms);
        }
        client->ms[client->n++] = (double)(clock_now_ns() - due) / 1e6;
        if (client->period_ns)
            due += client->period_ns;
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct client *clients, int n_clients, double seconds)
{
    size_t n = 0, over10 = 0, over50 = 0;
    for (int i = 0; i < n_clients; i++)
        n += clients[i].n;
    double *all = malloc((n + 1) * sizeof *all);
    n = 0;
    for (int i = 0; i < n_clients; i++) {
        memcpy(all + n, clients[i].ms, clients[i].n * sizeof *all);
        n += clients[i].n;
    }
    qsort(all, n, sizeof *all, compare);
    for (size_t i = 0; i < n; i++) {
        over10 += all[i] > 10;
        over50 += all[i] > 50;
    }
    printf("%8.0f tasks/s  p50 %.2f ms  p90 %.2f  p99 %.2f  p99.9 %.2f  max %.2f  over 10 ms: "
           "%.3f %%, over 50: %.3f %%\n",
           (double)n / seconds, all[n / 2], all[n * 9 / 10], all[n * 99 / 100], all[n * 999 / 1000],
           all[n - 1], 100.0 * (double)over10 / (double)n, 100.0 * (double)over50 / (double)n);
    free(all);
}

int main(int argc, char **argv)
{
    struct error e;
    struct store *store;
    if (argc < 5) {
        fprintf(stderr, "usage: commits FILE SECONDS THREADS RATE [BYTES [RULES]]\n");
        return 2;
    }
    double seconds = atof(argv[2]), rate = atof(argv[4]);
    int n = atoi(argv[3]);
    struct client *clients = calloc((size_t)n, sizeof *clients);
    if (store_open(&store, argv[1], &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    struct housekeeper *keeper = NULL;
    struct retention retention;
    if (argc > 6 && (!retention_parse(argv[6], &retention) ||
                     housekeeper_start(&keeper, store, &retention, &e) != 0))
        return 1;
    int64_t now = clock_now_ns();
    int64_t period = rate > 0 ? (int64_t)(1e9 * n / rate) : 0;
    for (int i = 0; i < n; i++) {
        clients[i] = (struct client){.store = store,
                                     .number = (unsigned)i,
                                     .begin_ns = now + period * i / n,
                                     .end_ns = now + (int64_t)(seconds * 1e9),
                                     .period_ns = period,
                                     .spec_size = argc > 5 ? (size_t)atol(argv[5]) : 200};
        pthread_create(&clients[i].thread, NULL, run, &clients[i]);
    }
    for (int i = 0; i < n; i++)
        pthread_join(clients[i].thread, NULL);
    report(clients, n, seconds);
    housekeeper_stop(keeper);
    store_close(store);
    for (int i = 0; i < n; i++)
        free(clients[i].ms);
    free(clients);
    return 0;
}
