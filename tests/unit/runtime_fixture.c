#include "tests/unit/runtime_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/services.h"
#include "runtime/base/bug.h"
#include "schema/json.h"

/* ---- life ---- */

struct fixture open_fixture_with(const char *db, struct runtime_options options)
{
    struct fixture f = {.services = calloc(1, sizeof *f.services)};
    struct error e = {0};
    f.services->exec = (struct exec_policy){"*"};
    options.services = f.services;
    CU_ASSERT_EQUAL_FATAL(spawner_start(&f.services->spawner, &e), 0);
    CU_ASSERT_EQUAL_FATAL(store_open(&f.store, db, &e), 0);
    CU_ASSERT_EQUAL_FATAL(runtime_open(&f.runtime, f.store, &options, &e), 0);
    return f;
}

struct runtime_options with_loops(size_t n)
{
    return (struct runtime_options){
        .max_open_tasks = 1000, .max_result_bytes = 1 << 20, .n_loops = n};
}

struct fixture open_loops(size_t n)
{
    return open_fixture_with(":memory:", with_loops(n));
}

struct fixture open_fixture(size_t max_open_tasks)
{
    return open_fixture_with(":memory:", (struct runtime_options){.max_open_tasks = max_open_tasks,
                                                                  .max_result_bytes = 1 << 20});
}

void close_fixture(struct fixture *f)
{
    runtime_drain(f->runtime, 1000);
    close_drained_fixture(f);
}

void close_drained_fixture(struct fixture *f)
{
    store_close(f->store);
    runtime_close(f->runtime);
    spawner_stop(f->services->spawner);
    free(f->services);
}

char *make_db(char path[64])
{
    strcpy(path, "/tmp/awaitd-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
    return strcat(path, "/db");
}

void release_db(char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

/* ---- tasks ---- */

static void submitted(struct submission *submission, int status)
{
    struct call *call = CONTAINER_OF(submission, struct call, submission);
    call->status = status;
    sem_post(&call->accepted);
}

void waited(struct waiter *waiter, struct task_record *ended)
{
    struct call *call = CONTAINER_OF(waiter, struct call, waiter);
    call->ended = ended ? task_record_ref(ended) : NULL;
    sem_post(&call->over);
}

static void hand_over(struct fixture *f, struct call *call, const char *loop, const char *text,
                      double wait)
{
    struct error_list errors = {0};
    json_t *spec = json_read(text, strlen(text), NULL);
    call->submission.done = submitted;
    call->waiter.done = waited;
    sem_init(&call->accepted, 0, 0);
    sem_init(&call->over, 0, 0);
    call->record = task_record_new();
    call->record->id = call->id;
    call->record->created_at_us = 1000;
    call->record->spec = strdup(text);
    call->record->loop = loop ? strdup(loop) : NULL;
    call->submission.record = task_record_ref(call->record);
    const struct plan_options options = {.ops = runtime_ops(), .timeout = TIMEOUT_NONE};
    call->submission.plan = plan_compile(spec, &options, &errors);
    call->waiter.wait_ns = (int64_t)(wait * 1e9);
    call->submission.waiter = wait > 0 ? &call->waiter : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(call->submission.plan);
    json_decref(spec);
    runtime_submit(f->runtime, &call->submission);
    sem_wait(&call->accepted);
}

void submit_to(struct fixture *f, struct call *call, const char *loop, const char *text,
               double wait)
{
    *call =
        (struct call){.id = id_make(1000, atomic_fetch_add(&f->n_ids, 1) * 0x9e3779b97f4a7c15u)};
    hand_over(f, call, loop, text, wait);
}

void submit_prepared(struct fixture *f, struct call *call, const char *spec, double wait)
{
    hand_over(f, call, NULL, spec, wait);
}

void submit(struct fixture *f, struct call *call, const char *spec, double wait)
{
    submit_to(f, call, NULL, spec, wait);
}

void submit_forever(struct fixture *f, struct call *call, const char *loop)
{
    submit_to(f, call, loop, FOREVER, 3600);
    CU_ASSERT_EQUAL(call->status, 0);
}

void release_call(struct call *call)
{
    sem_destroy(&call->accepted);
    sem_destroy(&call->over);
    task_record_unref(call->record);
    task_record_unref(call->ended);
}

/* ---- what is asked and answered with a status ---- */

struct question {
    sem_t done;
    int status;
    union {
        struct cancellation cancellation;
        struct rescheduling rescheduling;
        struct look look;
        struct future_request future;
        struct loop_request loop;
        struct loop_list list;
    };
};

static void begin(struct question *question)
{
    sem_init(&question->done, 0, 0);
}

static int end(struct question *question)
{
    sem_wait(&question->done);
    sem_destroy(&question->done);
    return question->status;
}

static void answer(struct question *question, int status)
{
    question->status = status;
    sem_post(&question->done);
}

static void cancelled(struct cancellation *cancellation, int status)
{
    answer(CONTAINER_OF(cancellation, struct question, cancellation), status);
}

int cancel(struct fixture *f, const struct id *id, const char *loop, char *text)
{
    struct question q = {
        .cancellation = {.id = *id, .loop = loop, .text = text, .done = cancelled}};
    begin(&q);
    runtime_cancel(f->runtime, &q.cancellation);
    return end(&q);
}

static void rescheduled(struct rescheduling *rescheduling, int status)
{
    answer(CONTAINER_OF(rescheduling, struct question, rescheduling), status);
}

int expire(struct fixture *f, const struct id *id, const char *timeout)
{
    struct question q = {.rescheduling = {.id = *id, .name = timeout, .done = rescheduled}};
    begin(&q);
    runtime_reschedule(f->runtime, &q.rescheduling);
    return end(&q);
}

static void looked(struct look *look, int status)
{
    if (status == 0)
        plan_unref(look->plan);
    buffer_release(&look->trace);
    buffer_release(&look->tasks);
    buffer_release(&look->futures);
    answer(CONTAINER_OF(look, struct question, look), status);
}

int look(struct fixture *f, const struct id *id, const char *loop)
{
    struct question q = {.look = {.id = *id, .loop = loop, .done = looked}};
    begin(&q);
    runtime_look(f->runtime, &q.look);
    return end(&q);
}

static void future_asked(struct future_request *future, int status)
{
    answer(CONTAINER_OF(future, struct question, future), status);
}

int set_future(struct fixture *f, const struct id *id, const char *name, const char *result)
{
    struct question q = {
        .future = {.record = {.task = *id, .name = name, .result = result}, .done = future_asked}};
    begin(&q);
    runtime_ask_future(f->runtime, &q.future);
    return end(&q);
}

int look_at_future(struct fixture *f, const struct id *id, const char *name, bool *is_done)
{
    struct question q = {
        .future = {.record = {.task = *id, .name = name}, .is_look = true, .done = future_asked}};
    begin(&q);
    runtime_ask_future(f->runtime, &q.future);
    int status = end(&q);
    *is_done = q.future.is_done;
    return status;
}

static void loop_changed(struct loop_request *request, int status)
{
    answer(CONTAINER_OF(request, struct question, loop), status);
}

static int ask_loop(struct fixture *f, const char *name, const char *handler,
                    void (*call)(struct runtime *runtime, struct loop_request *request))
{
    struct question q = {.loop = {.name = name, .handler = handler, .done = loop_changed}};
    begin(&q);
    call(f->runtime, &q.loop);
    return end(&q);
}

int open_loop(struct fixture *f, const char *name, const char *handler)
{
    return ask_loop(f, name, handler, runtime_open_loop);
}

int close_loop(struct fixture *f, const char *name)
{
    return ask_loop(f, name, NULL, runtime_close_loop);
}

int set_handler(struct fixture *f, const char *name, const char *handler)
{
    return ask_loop(f, name, handler, runtime_set_handler);
}

static void listed(struct loop_list *list, int status)
{
    answer(CONTAINER_OF(list, struct question, list), status);
}

struct loop_list list_loops(struct fixture *f)
{
    struct question q = {.list = {.done = listed}};
    begin(&q);
    runtime_list_loops(f->runtime, &q.list);
    CU_ASSERT_EQUAL_FATAL(end(&q), 0);
    return q.list;
}

int count_tasks(struct fixture *f, const char *name)
{
    struct loop_list list = list_loops(f);
    int n = -1;
    for (size_t i = 0; i < list.n; i++)
        if (strcmp(list.loops[i].name, name) == 0)
            n = (int)list.loops[i].n_open;
    free(list.loops);
    return n;
}
