/* Loops that are opened, closed and changed while the server runs. All of it is the router's work;
 * the disk comes first, so that the next start has the loops that a client was told of. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/runtime_internal.h"
#include "schema/allocate.h"

/* ---- the router's list ---- */

int runtime_add_loop(struct runtime *runtime, const char *name, char *handler,
                     struct loop_thread **out, struct error *e)
{
    int status = -ERROR_TOO_MANY;
    if (runtime->n_threads == THREADS_MAX)
        error_set(e, ERROR_TOO_MANY, "there are more than %d loops", THREADS_MAX);
    else
        status = loop_thread_new(out, runtime, name, e);
    if (status == 0 && handler && !((*out)->shown_handler = allocate_text(handler))) {
        loop_thread_free(*out);
        status = error_set(e, ERROR_NO_MEMORY, "out of memory");
    }
    if (status < 0) {
        free(handler);
        return status;
    }
    (*out)->handler = handler;
    runtime->threads[runtime->n_threads++] = *out;
    return 0;
}

static void remove_loop(struct runtime *runtime, struct loop_thread *thread)
{
    size_t i = 0;
    while (runtime->threads[i] != thread)
        i++;
    runtime->n_threads--;
    memmove(&runtime->threads[i], &runtime->threads[i + 1],
            (runtime->n_threads - i) * sizeof runtime->threads[0]);
    loop_thread_free(thread);
}

static bool is_of_option(const struct runtime *runtime, const struct loop_thread *thread)
{
    for (size_t i = 0; i < runtime->options.n_loops; i++)
        if (runtime->threads[i] == thread)
            return true;
    return false;
}

static struct loop_thread *find_open(const struct runtime *runtime, const char *name)
{
    struct loop_thread *thread = runtime_find_loop(runtime, name);
    return thread && thread->state == LOOP_OPEN ? thread : NULL;
}

/* ---- requests ---- */

static void finish(struct loop_request *request, int status)
{
    free(request->url);
    free(request->body);
    request->done(request, status);
}

static void ask(struct runtime *runtime, struct loop_request *request,
                void (*route)(struct loop *loop, struct message *message))
{
    request->runtime = runtime;
    request->body = request->url = NULL;
    runtime_ask(runtime, &request->message, route);
}

static struct loop_request *request_of(struct message *message)
{
    return CONTAINER_OF(message, struct loop_request, message);
}

/* [writer] */
static void stored(struct store_request *store, int status)
{
    struct loop_request *request = CONTAINER_OF(store, struct loop_request, store);
    request->status = status;
    loop_thread_post(request->runtime->main, &request->message);
}

/* A PUT or REMOVE of the loop's document; then `handle` is called by the router. */
static void keep(struct loop_request *request, enum store_verb verb,
                 void (*handle)(struct loop *loop, struct message *message))
{
    struct loop_thread *main = request->runtime->main;
    int64_t now_us = main->loop.host->wall_us(main->loop.host);
    request->message.handle = handle;
    request->store = (struct store_request){.verb = verb, .done = stored};
    request->store.document = (struct document){.kind = LOOP_KIND,
                                                .name = request->thread->name,
                                                .body = request->body ? request->body : "",
                                                .created_at_us = now_us,
                                                .updated_at_us = now_us};
    main->n_requests++;
    loop_thread_queue_request(main, &request->store);
}

static int take_stored(struct loop_request *request)
{
    request->runtime->main->n_requests--;
    return request->status;
}

/* The texts that the request needs on its way. False when out of memory. */
static bool copy_handler(struct loop_request *request)
{
    request->body = loop_document(request->handler);
    request->url = request->handler ? allocate_text(request->handler) : NULL;
    return request->body && !request->url == !request->handler;
}

/* ---- the end of a loop ---- */

/* All that the loop could still be told was told before: it had no task left, so the store has none
 * of its requests any more. */
static void handle_ended(struct loop *loop, struct message *message)
{
    struct loop_thread *thread = CONTAINER_OF(message, struct loop_thread, ended);
    struct loop_request *asked = thread->asked;
    pthread_join(thread->thread, NULL);
    remove_loop(loop_thread_of(loop)->runtime, thread);
    if (asked)
        finish(asked, asked->status);
}

void runtime_end_loop(struct loop_thread *thread)
{
    thread->state = LOOP_ENDING;
    thread->ended.handle = handle_ended;
    loop_thread_post(thread, &thread->close);
}

/* ---- open ---- */

static void handle_kept(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    struct loop_thread *thread = request->thread;
    (void)loop;
    if (take_stored(request) == 0) {
        thread->state = LOOP_OPEN;
        finish(request, 0);
        return;
    }
    thread->asked = request;
    runtime_end_loop(thread);
}

static int open_loop(struct runtime *runtime, struct loop_request *request)
{
    if (runtime->main->is_draining)
        return -ERROR_DRAINING;
    if (runtime_find_loop(runtime, request->name))
        return -ERROR_CONFLICT;
    if (runtime->n_threads >= LOOPS_MAX)
        return -ERROR_TOO_MANY;
    if (!copy_handler(request))
        return -ERROR_NO_MEMORY;
    char *url = request->url;
    request->url = NULL;
    int status = runtime_add_loop(runtime, request->name, url, &request->thread, NULL);
    if (status == 0 && (status = loop_thread_start(request->thread, NULL)) < 0)
        remove_loop(runtime, request->thread);
    return status;
}

static void route_opening(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    int status = open_loop(loop_thread_of(loop)->runtime, request);
    if (status < 0) {
        finish(request, status);
        return;
    }
    request->thread->state = LOOP_OPENING;
    keep(request, STORE_PUT, handle_kept);
}

void runtime_open_loop(struct runtime *runtime, struct loop_request *request)
{
    ask(runtime, request, route_opening);
}

/* ---- close ---- */

static void handle_removed(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    struct loop_thread *thread = request->thread;
    int status = take_stored(request);
    (void)loop;
    if (status < 0 && status != -ERROR_NOT_FOUND) {
        thread->state = LOOP_OPEN;
        finish(request, status);
        return;
    }
    request->status = 0;
    thread->asked = request;
    runtime_end_loop(thread);
}

/* The loop's answer is there. What it got since then counts as well. */
static void handle_idle(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    struct loop_thread *thread = request->thread;
    (void)loop;
    if (thread->state != LOOP_OPEN) /* somebody else closes it */
        finish(request, -ERROR_NOT_FOUND);
    else if (request->status < 0 || thread->n_submitted != request->n_submitted)
        finish(request, -ERROR_CONFLICT);
    else {
        thread->state = LOOP_CLOSING;
        keep(request, STORE_REMOVE, handle_removed);
    }
}

/* On the loop in question. Its store requests go first: the writer is then through with this loop
 * when it has removed the document, and will not wake it any more. */
static void handle_closing(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    loop_thread_flush(request->thread);
    request->status = loop->n_jobs == 0 ? 0 : -ERROR_CONFLICT;
    request->message.handle = handle_idle;
    loop_thread_post(request->runtime->main, &request->message);
}

static void route_closing(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    struct runtime *runtime = loop_thread_of(loop)->runtime;
    struct loop_thread *thread = find_open(runtime, request->name);
    if (runtime->main->is_draining)
        finish(request, -ERROR_DRAINING);
    else if (!thread)
        finish(request, -ERROR_NOT_FOUND);
    else if (is_of_option(runtime, thread))
        finish(request, -ERROR_CONFLICT);
    else {
        request->thread = thread;
        request->n_submitted = thread->n_submitted;
        request->message.handle = handle_closing;
        loop_thread_post(thread, &request->message);
    }
}

void runtime_close_loop(struct runtime *runtime, struct loop_request *request)
{
    ask(runtime, request, route_closing);
}

/* ---- the exception handler ---- */

/* On the loop in question. */
static void handle_handler(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    struct loop_thread *thread = loop_thread_of(loop);
    free(thread->handler);
    thread->handler = request->url;
    request->url = NULL;
    finish(request, 0);
}

static void handle_handler_kept(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    struct loop_thread *thread = request->thread;
    int status = take_stored(request);
    (void)loop;
    if (status < 0 && status != -ERROR_NOT_FOUND) {
        finish(request, status);
        return;
    }
    free(thread->shown_handler);
    thread->shown_handler = request->url ? memory_text(request->url) : NULL;
    request->message.handle = handle_handler;
    loop_thread_post(thread, &request->message);
}

static void route_handler(struct loop *loop, struct message *message)
{
    struct loop_request *request = request_of(message);
    struct runtime *runtime = loop_thread_of(loop)->runtime;
    request->thread = find_open(runtime, request->name);
    if (runtime->main->is_draining)
        finish(request, -ERROR_DRAINING);
    else if (!request->thread)
        finish(request, -ERROR_NOT_FOUND);
    else if (!copy_handler(request))
        finish(request, -ERROR_NO_MEMORY);
    else if (!request->handler && is_of_option(runtime, request->thread))
        keep(request, STORE_REMOVE, handle_handler_kept); /* is there anyway, without a document */
    else
        keep(request, STORE_PUT, handle_handler_kept);
}

void runtime_set_handler(struct runtime *runtime, struct loop_request *request)
{
    ask(runtime, request, route_handler);
}

/* ---- the list ---- */

/* What the array and its texts need. */
static size_t list_size(const struct runtime *runtime)
{
    size_t size = runtime->n_threads * sizeof(struct loop_info);
    for (size_t i = 0; i < runtime->n_threads; i++) {
        const struct loop_thread *thread = runtime->threads[i];
        size += strlen(thread->name) + 1;
        size += thread->shown_handler ? strlen(thread->shown_handler) + 1 : 0;
    }
    return size;
}

static const char *put_text(char **at, const char *text)
{
    const char *copy = *at;
    if (text)
        *at = stpcpy(*at, text) + 1;
    return text ? copy : NULL;
}

static void route_list(struct loop *loop, struct message *message)
{
    struct loop_list *list = CONTAINER_OF(message, struct loop_list, message);
    const struct runtime *runtime = loop_thread_of(loop)->runtime;
    char *at = allocate(list_size(runtime));
    list->n = 0;
    list->loops = (struct loop_info *)at;
    at += at ? runtime->n_threads * sizeof *list->loops : 0;
    for (size_t i = 0; list->loops && i < runtime->n_threads; i++) {
        struct loop_thread *thread = runtime->threads[i];
        if (thread->state == LOOP_OPENING)
            continue;
        list->loops[list->n++] = (struct loop_info){
            .name = put_text(&at, thread->name),
            .handler = put_text(&at, thread->shown_handler),
            .n_open = atomic_load_explicit(&thread->n_open, memory_order_relaxed),
            .lag = lag_read(host_uv_lag(thread->host), loop->host->now_ns(loop->host)),
            .is_running = thread->state == LOOP_OPEN && !runtime->main->is_draining};
    }
    list->done(list, list->loops ? 0 : -ERROR_NO_MEMORY);
}

void runtime_list_loops(struct runtime *runtime, struct loop_list *list)
{
    runtime_ask(runtime, &list->message, route_list);
}
