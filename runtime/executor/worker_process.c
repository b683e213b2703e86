#include "runtime/executor/worker_process.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "runtime/base/clock.h"
#include "runtime/process_end.h"
#include "runtime/executor/worker_frame.h"
#include "schema/json_load.h"

#define GRACE_MS 500  /* for a cancelled function to look at its flag, before it is killed */
#define LEAVE_MS 1000 /* for a process that has hung up, before it is killed */
#define CHUNK 65536

/* GONE ──start──► STARTING ──READY──► READY
 *   └──────────── its exit ─────────────┘ */
enum worker_state { WORKER_GONE, WORKER_STARTING, WORKER_READY };

struct worker_process {
    const struct worker_command *command;
    enum worker_state state;
    int bell;           /* an eventfd, rung by worker_process_wake */
    int channel;        /* to the spawner; -1: not open yet */
    int socket;         /* to the process; -1: WORKER_GONE */
    uint64_t id;        /* of the process, in the channel */
    uint64_t n_calls;   /* the last one's number */
    struct buffer in;   /* from the socket, not a whole frame yet */
    struct buffer out;  /* for the socket */
    size_t n_sent;      /* of out */
    bool is_cancelling; /* the process was told */
    int64_t kill_at_ns; /* INT64_MAX: never */
    char *failure;      /* why it could not start, in its own words; NULL: it did not say */
};

/* How a conversation about a call has ended. */
enum ending { ENDED_ANSWERED, ENDED_DEAD, ENDED_NONSENSE, ENDED_LATE };

struct worker_process *worker_process_new(const struct worker_command *command)
{
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0)
        return NULL;
    struct worker_process *w = memory_new_zeroed(1, sizeof *w);
    w->command = command;
    w->bell = bell;
    w->channel = w->socket = -1;
    return w;
}

/* ---- its life ---- */

/* The process has ended, and was reaped. */
static void forget(struct worker_process *w)
{
    close(w->socket);
    w->socket = -1;
    w->state = WORKER_GONE;
    buffer_release(&w->in);
    buffer_release(&w->out);
    w->n_sent = 0;
    free(w->failure);
    w->failure = NULL;
}

/* Waits so long for its end, then makes it end. Its exit status, or -signal. */
static int bury(struct worker_process *w, int patience_ms)
{
    int code = -SIGKILL;
    if (spawner_wait(w->channel, w->id, patience_ms, &code) == 0) {
        spawner_send_signal(w->channel, w->id, SIGKILL);
        spawner_wait(w->channel, w->id, -1, &code);
    }
    return code;
}

/* 0 or -errno. */
static int start(struct worker_process *w)
{
    int pair[2];
    if (w->channel < 0 && (w->channel = spawner_open_channel(w->command->spawner)) < 0)
        return w->channel;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    struct spawn_request request = {.id = ++w->id,
                                    .argv = w->command->argv,
                                    .env = w->command->env,
                                    .fds = {pair[1], STDERR_FILENO, STDERR_FILENO, -1}};
    int status = spawner_run(w->channel, &request);
    close(pair[1]);
    if (status < 0) {
        close(pair[0]);
        return status;
    }
    w->socket = pair[0];
    w->state = WORKER_STARTING;
    return 0;
}

/* It may have been killed while it had nothing to do. */
static bool has_hung_up(const struct worker_process *w)
{
    char byte;
    if (w->state == WORKER_GONE)
        return false;
    ssize_t n = recv(w->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR); /* ECONNRESET: it read not all */
}

void worker_process_free(struct worker_process *w)
{
    if (w->state != WORKER_GONE) {
        shutdown(w->socket, SHUT_RDWR); /* which it takes for the server's end */
        bury(w, LEAVE_MS);
        forget(w);
    }
    if (w->channel >= 0)
        close(w->channel);
    close(w->bell);
    free(w);
}

void worker_process_wake(struct worker_process *w)
{
    const uint64_t one = 1;
    while (write(w->bell, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

/* ---- what it says ---- */

static void take_progress(struct function_call *call, const struct frame *frame)
{
    char *end;
    double fraction = strtod(frame->word, &end);
    operation_report(&call->operation, end > frame->word ? fraction : NAN,
                     frame->size ? frame->text : NULL);
}

/* It was checked there; but whatever has run there may have scribbled over it since. */
static bool take_result(struct function_call *call, const struct frame *frame)
{
    json_t *value =
        json_load_text(frame->text, frame->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (value)
        function_return_json(call, value);
    return value != NULL;
}

/* False: it makes no sense. */
static bool take_frame(struct worker_process *w, struct function_call *call,
                       const struct frame *frame, bool *is_answered)
{
    bool is_ours = w->state == WORKER_READY && frame->call == w->n_calls;
    if (frame->kind == FRAME_READY && w->state == WORKER_STARTING)
        w->state = WORKER_READY;
    else if (frame->kind == FRAME_FAILED && w->state == WORKER_STARTING && !w->failure)
        w->failure = memory_text(frame->text);
    else if (frame->kind == FRAME_PROGRESS && is_ours)
        take_progress(call, frame);
    else if (frame->kind == FRAME_RESULT && is_ours)
        return *is_answered = take_result(call, frame);
    else if (frame->kind == FRAME_ERROR && is_ours) {
        function_raise(call, frame->word, "%s", frame->text);
        *is_answered = true;
    } else /* what a function has left behind may go on to speak of its call */
        return w->state == WORKER_READY && frame->call < w->n_calls;
    return true;
}

/* False: it makes no sense. */
static bool take_frames(struct worker_process *w, struct function_call *call, bool *is_answered)
{
    struct buffer rest = w->in; /* a view of it */
    struct frame frame;
    bool is_good = true;
    long size = 0;
    while (is_good && !*is_answered && (size = frame_read(&rest, &frame)) > 0) {
        is_good = take_frame(w, call, &frame, is_answered);
        rest.bytes += size;
        rest.size -= (size_t)size;
    }
    if (rest.bytes != w->in.bytes) /* once for all: there may be thousands */
        memmove(w->in.bytes, rest.bytes, rest.size);
    w->in.size = rest.size;
    return is_good && size >= 0;
}

/* Reads what there is. False: it has hung up. */
static bool receive(struct worker_process *w)
{
    char chunk[CHUNK];
    ssize_t n = recv(w->socket, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n > 0)
        buffer_add(&w->in, chunk, (size_t)n);
    memory_need(w->in.failed ? NULL : w);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* ---- what it is told ---- */

static void say(struct worker_process *w, enum frame_kind kind, const char *word, const char *text,
                size_t size)
{
    frame_write(&w->out, kind, w->n_calls, word, text, size);
    memory_need(w->out.failed ? NULL : w);
}

/* As much as goes in. That it has hung up is seen when reading. */
static void flush(struct worker_process *w)
{
    ssize_t n = 1;
    while (n > 0 && w->n_sent < w->out.size) {
        n = send(w->socket, w->out.bytes + w->n_sent, w->out.size - w->n_sent,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        w->n_sent += n > 0 ? (size_t)n : 0;
    }
    if (w->n_sent == w->out.size) {
        buffer_release(&w->out);
        w->n_sent = 0;
    }
}

static void look_whether_given_up(struct worker_process *w, const struct function_call *call)
{
    if (w->is_cancelling || !operation_is_given_up(&call->operation))
        return;
    w->is_cancelling = true;
    w->kill_at_ns = clock_now_ns() + GRACE_MS * INT64_C(1000000);
    say(w, FRAME_CANCEL, "", "", 0);
}

/* ---- a call ---- */

/* Sleeps until there is something to do. What there is on the socket; 0: not there. */
static short wait_for_news(struct worker_process *w)
{
    uint64_t rung;
    int timeout = -1;
    struct pollfd fds[] = {
        {.fd = w->socket, .events = (short)(POLLIN | (w->out.size ? POLLOUT : 0))},
        {.fd = w->bell, .events = POLLIN}};
    if (w->kill_at_ns != INT64_MAX) {
        int64_t left = w->kill_at_ns - clock_now_ns();
        timeout = left > 0 ? (int)(left / 1000000) + 1 : 0;
    }
    if (poll(fds, 2, timeout) <= 0)
        return 0;
    if (fds[1].revents && read(w->bell, &rung, sizeof rung) < 0)
        return 0; /* somebody was faster */
    return fds[0].revents;
}

static enum ending talk(struct worker_process *w, struct function_call *call)
{
    bool is_answered = false;
    while (!is_answered) {
        look_whether_given_up(w, call);
        flush(w);
        short news = wait_for_news(w);
        bool is_there = !(news & (POLLIN | POLLHUP | POLLERR)) || receive(w);
        if (!take_frames(w, call, &is_answered))
            return ENDED_NONSENSE;
        if (!is_there)
            break;
        if (clock_now_ns() >= w->kill_at_ns)
            return ENDED_LATE;
    }
    return is_answered ? ENDED_ANSWERED : ENDED_DEAD;
}

static void raise_broken(struct worker_process *w, struct function_call *call, enum ending ending)
{
    char words[100];
    const char *name = call->function->name;
    int code = bury(w, ending == ENDED_DEAD ? LEAVE_MS : 0);
    process_end_write(code, words, sizeof words);
    if (ending == ENDED_NONSENSE)
        function_raise(call, "BrokenProcessPool",
                       "the worker process said what cannot be understood while it ran '%s'", name);
    else if (ending == ENDED_LATE)
        function_raise(call, "BrokenProcessPool",
                       "the worker process was killed, as '%s' did not stop when it was cancelled",
                       name);
    else if (w->failure)
        function_raise(call, "BrokenProcessPool", "a worker process cannot be started: %s",
                       w->failure);
    else if (w->state == WORKER_STARTING)
        function_raise(call, "BrokenProcessPool", "a worker process %s while it was started",
                       words);
    else
        function_raise(call, "BrokenProcessPool", "the worker process %s while it ran '%s'", words,
                       name);
}

void worker_process_run(struct worker_process *w, struct function_call *call)
{
    if (has_hung_up(w)) {
        bury(w, LEAVE_MS);
        forget(w);
    }
    int status = w->state == WORKER_GONE ? start(w) : 0;
    if (status < 0) {
        function_raise(call, "BrokenProcessPool", "a worker process cannot be started: %s",
                       strerror(-status));
        return;
    }
    w->n_calls++;
    w->is_cancelling = false;
    w->kill_at_ns = INT64_MAX;
    say(w, FRAME_CALL, call->function->name, call->given ? call->given : "{}",
        call->given ? call->given_size : 2);
    enum ending ending = talk(w, call);
    if (ending == ENDED_ANSWERED)
        return;
    raise_broken(w, call, ending);
    forget(w);
}
