/* Child processes: real pipes, a session and process group of their own, a clean environment.
 *
 * A child is over when it was reaped and both of its streams have ended. What is left of its
 * process group is killed when it exits; a stream that somebody outside the group still holds open
 * is closed GRACE_MS later. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/host_uv_guard.h"
#include "runtime/host_uv_internal.h"

#define GRACE_MS 1000

struct stream {
    uv_pipe_t pipe;
    struct output *output;
    bool is_open;
};

struct child {
    struct list link;
    struct host_uv *host;
    struct process *process; /* NULL once it was told, or abandoned */
    uv_process_t handle;
    uv_pipe_t input;
    uv_write_t write;
    struct stream out, err;
    uv_timer_t grace;   /* after the exit; before, it tells a failed start */
    unsigned n_handles; /* not closed yet */
    bool is_queued;     /* not started yet */
    bool has_exited, input_is_open;
};

/* ---- the end ---- */

static void handle_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;
    if (--child->n_handles == 0)
        free(child);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, handle_closed);
}

static void tell_end(struct child *child)
{
    struct process *process = child->process;
    list_remove(&child->link);
    child->host->n_processes--;
    close_handle(&child->grace);
    child->process = NULL;
    host_uv_has_news(child->host);
    if (process)
        process->ended(process);
}

static void end_if_over(struct child *child)
{
    if (child->has_exited && !child->out.is_open && !child->err.is_open &&
        !uv_is_closing((uv_handle_t *)&child->grace))
        tell_end(child);
}

static void close_stream(struct stream *stream)
{
    if (!stream->is_open)
        return;
    stream->is_open = false;
    close_handle(&stream->pipe);
}

static void close_input(struct child *child)
{
    if (child->input_is_open)
        close_handle(&child->input);
    child->input_is_open = false;
}

static void grace_over(uv_timer_t *timer)
{
    struct child *child = timer->data;
    close_stream(&child->out);
    close_stream(&child->err);
    end_if_over(child);
}

static void exited(uv_process_t *handle, int64_t status, int signal)
{
    struct child *child = handle->data;
    child->has_exited = true;
    if (child->process)
        child->process->exit_code = signal ? -signal : (int)status;
    kill(-handle->pid, SIGKILL); /* nothing outlives its parent */
    guard_note(child->host->guard, handle->pid, false);
    close_handle(handle);
    close_input(child);
    uv_timer_start(&child->grace, grace_over, GRACE_MS, 0);
    end_if_over(child);
}

/* ---- its output ---- */

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct host_uv *host = ((struct child *)handle->data)->host;
    (void)suggested;
    *buffer = uv_buf_init(host->chunk, sizeof host->chunk);
}

static void keep(struct output *output, const char *bytes, size_t size, size_t limit)
{
    size_t room = limit - output->size;
    if (size > room) {
        output->dropped += size - room;
        size = room;
    }
    if (output->size + size > output->capacity) {
        size_t twice = output->capacity * 2, need = output->size + size;
        output->capacity = need > twice ? need : twice;
        output->bytes = memory_resize(output->bytes, output->capacity);
    }
    if (size)
        memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
}

static void has_read(uv_stream_t *pipe, ssize_t size, const uv_buf_t *buffer)
{
    struct child *child = pipe->data;
    struct stream *stream = pipe == (uv_stream_t *)&child->out.pipe ? &child->out : &child->err;
    if (size > 0 && child->process)
        keep(stream->output, buffer->base, (size_t)size, child->process->max_output);
    if (size < 0) {
        close_stream(stream);
        end_if_over(child);
    }
}

static void has_written(uv_write_t *write, int status)
{
    struct child *child = write->handle->data;
    (void)status; /* a child need not read its input */
    close_input(child);
}

/* ---- its beginning ---- */

static const char *const inherited[] = {"PATH", "HOME", "LANG", "TZ"};
#define N_INHERITED (sizeof inherited / sizeof *inherited)

static bool is_given(const char *const *env, const char *name)
{
    size_t size = strlen(name);
    for (; env && *env; env++)
        if (strncmp(*env, name, size) == 0 && (*env)[size] == '=')
            return true;
    return false;
}

/* PATH, HOME, LANG and TZ of ours, unless given, and what is given. One block; the caller frees. */
static char **make_environment(const char *const *env)
{
    size_t n = 0, n_bytes = 0;
    while (env && env[n])
        n++;
    for (size_t i = 0; i < N_INHERITED; i++)
        if (getenv(inherited[i]))
            n_bytes += strlen(inherited[i]) + strlen(getenv(inherited[i])) + 2;
    char **made = memory_new((n + N_INHERITED + 1) * sizeof *made + n_bytes);
    char *text = (char *)(made + n + N_INHERITED + 1);
    size_t at = 0;
    for (size_t i = 0; i < N_INHERITED; i++) {
        if (!getenv(inherited[i]) || is_given(env, inherited[i]))
            continue;
        made[at++] = text;
        text = stpcpy(stpcpy(stpcpy(text, inherited[i]), "="), getenv(inherited[i])) + 1;
    }
    for (size_t i = 0; i < n; i++)
        made[at++] = (char *)env[i];
    made[at] = NULL;
    return made;
}

/* A pipe whose `child_end` (0: it reads, 1: it writes) is for the child. -errno or 0. */
static int make_pipe(struct child *child, uv_pipe_t *pipe, int child_end, int *child_fd)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    uv_pipe_init(&child->host->uv, pipe, 0);
    pipe->data = child;
    child->n_handles++;
    uv_pipe_open(pipe, fds[!child_end]);
    *child_fd = fds[child_end];
    return 0;
}

static int make_pipes(struct child *child, const struct process *process, int fds[3])
{
    int status = make_pipe(child, &child->out.pipe, 1, &fds[1]);
    child->out.is_open = status == 0;
    if (status == 0) {
        status = make_pipe(child, &child->err.pipe, 1, &fds[2]);
        child->err.is_open = status == 0;
    }
    if (status == 0 && process->input) {
        status = make_pipe(child, &child->input, 0, &fds[0]);
        child->input_is_open = status == 0;
    }
    return status;
}

static void start_streams(struct child *child)
{
    struct process *process = child->process;
    child->out.output = &process->out;
    child->err.output = &process->err;
    uv_read_start((uv_stream_t *)&child->out.pipe, give_chunk, has_read);
    uv_read_start((uv_stream_t *)&child->err.pipe, give_chunk, has_read);
    if (!child->input_is_open)
        return;
    uv_buf_t input = uv_buf_init((char *)process->input, (unsigned)process->input_size);
    if (uv_write(&child->write, (uv_stream_t *)&child->input, &input, 1, has_written) < 0)
        close_input(child);
}

static int spawn(struct child *child, int fds[3])
{
    struct process *process = child->process;
    uv_stdio_container_t stdio[3];
    for (int i = 0; i < 3; i++) {
        stdio[i].flags = fds[i] >= 0 ? UV_INHERIT_FD : UV_IGNORE;
        stdio[i].data.fd = fds[i];
    }
    char **environment = make_environment(process->env);
    uv_process_options_t options = {.exit_cb = exited,
                                    .file = process->argv[0],
                                    .args = (char **)process->argv,
                                    .env = environment,
                                    .cwd = process->cwd,
                                    .flags = UV_PROCESS_DETACHED, /* setsid */
                                    .stdio_count = 3,
                                    .stdio = stdio};
    child->n_handles++;
    child->handle.data = child;
    int status = uv_spawn(&child->host->uv, &child->handle, &options);
    if (status == 0)
        guard_note(child->host->guard, child->handle.pid, true);
    free(environment);
    return status;
}

static bool is_bad_directory(const char *path)
{
    struct stat status;
    return path && (stat(path, &status) < 0 || !S_ISDIR(status.st_mode) || access(path, X_OK) < 0);
}

static void tell_failure(uv_timer_t *timer)
{
    end_if_over(timer->data);
}

/* It could not be started: everything is closed, and told in the loop's next round. */
static void fail(struct child *child, int status)
{
    child->process->error = -status;
    child->process->bad_cwd = is_bad_directory(child->process->cwd);
    child->has_exited = true;
    close_stream(&child->out);
    close_stream(&child->err);
    close_input(child);
    uv_timer_start(&child->grace, tell_failure, 0, 0);
}

static void start(struct child *child)
{
    int fds[3] = {-1, -1, -1};
    int status = make_pipes(child, child->process, fds);
    if (status == 0) {
        status = spawn(child, fds);
        if (status == 0)
            start_streams(child);
        else
            close_handle(&child->handle);
    }
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (status < 0)
        fail(child, status);
}

/* ---- the queue: a fork takes milliseconds, so that a thousand at once would stop the loop ---- */

#define STARTS_PER_ROUND 8

static void leave_queue(struct child *child)
{
    struct host_uv *host = child->host;
    child->is_queued = false;
    list_remove(&child->link);
    list_append(&host->processes, &child->link);
    host->n_processes++;
    uv_timer_init(&host->uv, &child->grace);
    child->grace.data = child;
    child->n_handles++;
}

void host_uv_start_queued(struct host_uv *host)
{
    for (int n = 0; n < STARTS_PER_ROUND && host_uv_has_queued(host); n++) {
        struct child *child = CONTAINER_OF(host->queued.next, struct child, link);
        leave_queue(child);
        start(child);
    }
}

void host_uv_spawn(struct host *port, struct process *process)
{
    struct host_uv *host = (struct host_uv *)port;
    struct child *child = memory_new_zeroed(1, sizeof *child);
    child->host = host;
    child->process = process;
    child->is_queued = true;
    process->host = child;
    list_append(&host->queued, &child->link);
}

void host_uv_kill(struct host *port, struct process *process, int signal)
{
    struct child *child = process->host;
    (void)port;
    if (child->is_queued) { /* it never was; told as if the signal had come at its first breath */
        leave_queue(child);
        child->has_exited = true;
        process->exit_code = -signal;
        uv_timer_start(&child->grace, tell_failure, 0, 0);
    } else if (!child->has_exited) {
        kill(-child->handle.pid, signal);
    }
}

void host_uv_abandon(struct host *port, struct process *process)
{
    struct child *child = process->host;
    if (child->is_queued) {
        list_remove(&child->link);
        free(child);
        return;
    }
    host_uv_kill(port, process, SIGKILL);
    child->process = NULL;
    close_input(child); /* which borrows from the process */
}

/* ---- all of them, for the drain ---- */

size_t host_uv_count_processes(const struct host_uv *host)
{
    return host->n_processes;
}

void host_uv_signal_processes(struct host_uv *host, int signal)
{
    for (struct list *l = host->processes.next; l != &host->processes; l = l->next) {
        struct child *child = CONTAINER_OF(l, struct child, link);
        if (!child->has_exited)
            kill(-child->handle.pid, signal);
    }
}
