/* What is asked of a running process from outside: a signal, or its standard input. */
#include <stdlib.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/runtime_internal.h"
#include "runtime/subprocess.h"

/* ---- bytes for its standard input ---- */

/* On their way into the pipe. Whoever asked may have given up by then. */
struct feed {
    struct list link; /* among those of the loop's thread */
    struct process_write write;
    struct process_request *asked; /* NULL: nobody waits */
    char *bytes;
};

static void tell(struct process_request *asked, enum process_answer answer)
{
    asked->answer = answer;
    asked->done(asked);
}

static void feed_told(struct feed *feed, enum process_answer answer)
{
    struct process_request *asked = feed->asked;
    feed->asked = NULL;
    list_remove(&feed->link);
    if (asked)
        tell(asked, answer);
}

static void feed_written(struct process_write *write, int error)
{
    struct feed *feed = CONTAINER_OF(write, struct feed, write);
    if (feed->asked)
        feed->asked->n_written = write->written;
    feed_told(feed, error ? PROCESS_INPUT_CLOSED : PROCESS_DONE);
    free(feed->bytes);
    free(feed);
}

static void feed(struct loop_thread *thread, struct subprocess_frame *process,
                 struct process_request *asked)
{
    struct feed *feed = memory_new_zeroed(1, sizeof *feed);
    feed->asked = asked;
    feed->bytes = asked->bytes;
    asked->bytes = NULL;
    feed->write =
        (struct process_write){.bytes = feed->bytes, .size = asked->size, .done = feed_written};
    list_append(&thread->feeds, &feed->link);
    subprocess_write(process, &feed->write);
}

void loop_thread_drop_feeds(struct loop_thread *thread)
{
    while (!list_is_empty(&thread->feeds))
        feed_told(CONTAINER_OF(thread->feeds.next, struct feed, link), PROCESS_DRAINING);
}

void loop_thread_drop_feed(struct loop_thread *thread, uint64_t ticket)
{
    for (struct list *l = thread->feeds.next; l != &thread->feeds; l = l->next) {
        struct feed *feed = CONTAINER_OF(l, struct feed, link);
        if (feed->asked->ticket == ticket) {
            feed_told(feed, PROCESS_GIVEN_UP);
            return;
        }
    }
}

/* ---- a request ---- */

/* The first time by its name, then the same one. */
static enum process_answer find(struct job *job, struct process_request *asked,
                                struct subprocess_frame **process)
{
    bool is_to_be_fed = asked->verb != PROCESS_SIGNAL;
    if (!asked->number)
        return subprocess_find(job, asked->name, is_to_be_fed, process);
    *process = subprocess_of_number(job, asked->number);
    if (!*process)
        return PROCESS_NOT_RUNNING;
    return subprocess_can_be_fed(*process) ? PROCESS_DONE : PROCESS_INPUT_CLOSED;
}

static void carry_out(struct loop_thread *thread, struct subprocess_frame *process,
                      struct process_request *asked)
{
    asked->number = subprocess_number(process);
    if (asked->verb == PROCESS_FEED && asked->size > 0) {
        feed(thread, process, asked);
        return;
    }
    if (asked->verb == PROCESS_SIGNAL)
        subprocess_signal(process, asked->signal);
    else if (asked->verb == PROCESS_CLOSE_INPUT)
        subprocess_close_input(process);
    tell(asked, PROCESS_DONE);
}

static void handle_request(struct loop *loop, struct message *message)
{
    struct process_request *asked = CONTAINER_OF(message, struct process_request, message);
    struct loop_thread *thread = loop_thread_of(loop);
    struct job *job = loop_find(loop, &asked->id);
    struct subprocess_frame *process;
    enum process_answer answer = PROCESS_TASK_ENDED;
    asked->n_written = 0;
    if (job && job->phase != JOB_ENDED)
        answer = thread->is_draining ? PROCESS_DRAINING : find(job, asked, &process);
    if (answer == PROCESS_DONE)
        carry_out(thread, process, asked);
    else
        tell(asked, answer);
}

static void route_request(struct loop *loop, struct message *message)
{
    struct process_request *asked = CONTAINER_OF(message, struct process_request, message);
    runtime_forward(loop_thread_of(loop)->runtime, &asked->id, asked->loop, message,
                    handle_request);
}

void runtime_ask_process(struct runtime *runtime, struct process_request *request)
{
    runtime_ask(runtime, &request->message, route_request);
}
