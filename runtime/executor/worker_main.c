#include "runtime/executor/worker_main.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/memory.h"
#include "runtime/executor/function.h"
#include "runtime/executor/plugin.h"
#include "runtime/executor/worker_frame.h"

#define CHUNK 65536

struct worker {
    int socket;
    pid_t pid;
    struct functions *functions;
    struct buffer in; /* what has come, and is not a whole frame yet */
    uint64_t call;    /* the one that runs */
    bool is_cancelled;
};

/* ---- the socket ---- */

/* False when the server is gone. */
static bool send_frame(const struct worker *w, enum frame_kind kind, const char *word,
                       const char *text, size_t size)
{
    struct buffer out = {0};
    size_t sent = 0;
    ssize_t n = 0;
    frame_write(&out, kind, w->call, word, text, size);
    memory_need(out.failed ? NULL : out.bytes);
    while (sent < out.size && (n >= 0 || errno == EINTR)) {
        n = send(w->socket, out.bytes + sent, out.size - sent, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
    }
    bool is_sent = sent == out.size;
    buffer_release(&out);
    return is_sent;
}

/* Reads what there is. Blocking: at least something. False when the server is gone. */
static bool receive(struct worker *w, bool is_blocking)
{
    char chunk[CHUNK];
    ssize_t n;
    do
        n = recv(w->socket, chunk, sizeof chunk, is_blocking ? 0 : MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        buffer_add(&w->in, chunk, (size_t)n);
    memory_need(w->in.failed ? NULL : w);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void drop_frame(struct worker *w, long size)
{
    w->in.size -= (size_t)size;
    memmove(w->in.bytes, w->in.bytes + size, w->in.size);
}

/* ---- what a function can ask for ---- */

/* While a call runs, nothing else comes than its cancellation. */
static bool is_cancelled(struct function_call *call)
{
    struct worker *w = call->context;
    struct frame frame;
    long size;
    if (!w->is_cancelled && !receive(w, false))
        w->is_cancelled = true; /* by everybody */
    while ((size = frame_read(&w->in, &frame)) > 0) {
        w->is_cancelled |= frame.kind == FRAME_CANCEL && frame.call == w->call;
        drop_frame(w, size);
    }
    return w->is_cancelled;
}

static void progress(struct function_call *call, double fraction, const char *message)
{
    char word[40] = "";
    if (!isnan(fraction))
        snprintf(word, sizeof word, "%.9g", fraction);
    send_frame(call->context, FRAME_PROGRESS, word, message, message ? strlen(message) : 0);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void wait_for(struct function_call *call, double seconds, bool ends_early)
{
    const struct worker *w = call->context;
    double end = now() + seconds, left = seconds;
    for (; left > 0 && !(ends_early && is_cancelled(call)); left = end - now()) {
        struct pollfd fd = {.fd = ends_early ? w->socket : -1, .events = POLLIN};
        poll(&fd, 1, (int)ceil(fmin(left * 1000, 1e6)));
    }
}

static const struct function_port port = {is_cancelled, progress, wait_for};

/* ---- calls ---- */

/* False when the server is gone. */
static bool run(struct worker *w, const struct frame *frame)
{
    const struct function *function = functions_find(w->functions, frame->word);
    if (!function) { /* the folder is not what it was when the server started */
        char text[200];
        int size =
            snprintf(text, sizeof text, "the worker process has no function '%s'", frame->word);
        return send_frame(w, FRAME_ERROR, "RuntimeError", text, (size_t)size);
    }
    struct buffer given = {0};
    buffer_add(&given, frame->text, frame->size);
    struct function_call *call = function_call_new(function, &given, NULL);
    call->port = &port;
    call->context = w;
    function_call_run(call);
    if (getpid() != w->pid) /* it has forked, and this one is too many */
        _exit(0);
    const struct answer *answer = &call->operation.answer;
    const char *text = answer->text ? answer->text : "";
    bool is_sent = answer->type ? send_frame(w, FRAME_ERROR, answer->type, text, strlen(text))
                                : send_frame(w, FRAME_RESULT, "", text, answer->size);
    operation_free(&call->operation);
    return is_sent;
}

/* Until the server is gone, or speaks nonsense. */
static void serve(struct worker *w)
{
    struct frame frame;
    long size;
    while ((size = frame_read(&w->in, &frame)) >= 0) {
        if (size == 0) {
            if (!receive(w, true))
                return;
            continue;
        }
        struct buffer call = w->in;     /* the frame lives in it until it has run */
        if (frame.kind != FRAME_CALL) { /* a cancellation that came too late */
            drop_frame(w, size);
            continue;
        }
        w->in = (struct buffer){0};
        buffer_add(&w->in, call.bytes + size, call.size - (size_t)size);
        w->call = frame.call;
        w->is_cancelled = false;
        bool is_sent = run(w, &frame);
        buffer_release(&call);
        if (!is_sent)
            return;
    }
}

/* ---- from the beginning to the end ---- */

/* The socket goes where no function expects it. */
static int take_socket(void)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100);
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere > 0 && dup2(nowhere, STDIN_FILENO) >= 0)
        close(nowhere);
    return fd;
}

int worker_main(int argc, char *const *argv)
{
    struct worker w = {.socket = take_socket(), .pid = getpid()};
    struct plugins *plugins = NULL;
    struct error e = {.text = "there is no descriptor left"};
    int status = 0;
    prctl(PR_SET_NAME, "awaitd-worker");
    signal(SIGPIPE, SIG_IGN);
    w.functions = w.socket < 0 ? NULL : functions_new(&e);
    if (!w.functions || (argc > 2 && plugins_open(&plugins, argv[2], 0, w.functions, &e) != 0))
        status = EX_CONFIG;
    if (status == 0 && send_frame(&w, FRAME_READY, "", "", 0))
        serve(&w);
    else if (status == 0 || !send_frame(&w, FRAME_FAILED, "", e.text, strlen(e.text))) {
        fprintf(stderr, "awaitd worker: this is for the server to start\n");
        status = EX_USAGE;
    }
    functions_free(w.functions);
    plugins_close(plugins);
    buffer_release(&w.in);
    return status;
}
