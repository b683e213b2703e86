/* The pipes of child processes. They have an epoll instance of their own, of which the loop takes a
 * few events at a time, in turn: a thousand processes that flood their output do not stop it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/host/host_uv_process.h"
#include "runtime/output.h"

#define EVENTS 16           /* in one go, with up to a chunk each */
#define PIPE_MOST (1 << 20) /* that one holds, unless an administrator allows more */

static void watch(struct pipe_end *end, int op, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = end};
    epoll_ctl(end->child->host->pipes, op, end->fd, &event);
}

static void close_end(struct pipe_end *end)
{
    if (end->fd >= 0)
        close(end->fd); /* which takes it out of the epoll instance: nobody else has it */
    end->fd = -1;
}

/* ---- opening ---- */

/* Ours does not block; the child's does, as it is another file description only if it is opened
 * anew: so both are made blocking, and ours is changed. */
static int make_pipe(struct child *child, struct pipe_end *end, enum pipe_use use, int *child_fd)
{
    int fds[2], ours = use == PIPE_INPUT ? 1 : 0;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    fcntl(fds[ours], F_SETFL, O_NONBLOCK);
    *end = (struct pipe_end){.child = child, .use = use, .fd = fds[ours]};
    *child_fd = fds[!ours];
    return 0;
}

int child_make_pipes(struct child *child, int fds[3])
{
    const struct process *process = child->process;
    struct input *input = &child->input;
    int status = make_pipe(child, &child->out, PIPE_OUT, &fds[1]);
    if (status == 0)
        status = make_pipe(child, &child->err, PIPE_ERR, &fds[2]);
    if (status == 0 && (process->input || process->keeps_input_open))
        status = make_pipe(child, &input->end, PIPE_INPUT, &fds[0]);
    else if (status == 0)
        input->is_over = true;
    if (status < 0)
        return status;
    watch(&child->out, EPOLL_CTL_ADD, EPOLLIN);
    watch(&child->err, EPOLL_CTL_ADD, EPOLLIN);
    return 0;
}

/* ---- output ---- */

static void take(struct pipe_end *end, const char *bytes, size_t size)
{
    struct process *process = end->child->process;
    bool is_err = end->use == PIPE_ERR;
    output_add(is_err ? &process->err : &process->out, bytes, size, process->max_output);
    if (process->printed)
        process->printed(process, is_err, bytes, size);
}

/* As read(). */
static ssize_t read_chunk(struct pipe_end *end)
{
    struct child *child = end->child;
    struct host_uv *host = child->host;
    ssize_t size;
    while ((size = read(end->fd, host->chunk, sizeof host->chunk)) < 0 && errno == EINTR)
        ;
    if (size > 0 && child->process)
        take(end, host->chunk, (size_t)size);
    return size;
}

/* One chunk; what there is beyond it stays for the next time, unless it is the rest. */
static void read_some(struct pipe_end *end, uint32_t events)
{
    ssize_t size = events & EPOLLIN ? read_chunk(end) : 0;
    if (size < 0 && errno == EAGAIN) /* somebody else took it */
        return;
    if (size > 0 && !(events & EPOLLHUP && size < (ssize_t)sizeof end->child->host->chunk))
        return;
    close_end(end);
    child_end_if_over(end->child);
}

/* No more than a pipe holds: somebody else may still be printing. */
static void read_rest(struct pipe_end *end)
{
    ssize_t size = 1;
    for (size_t sum = 0; end->fd >= 0 && size > 0 && sum < PIPE_MOST; sum += (size_t)size)
        if ((size = read_chunk(end)) == 0)
            close_end(end);
}

void child_read_rest(struct child *child)
{
    read_rest(&child->out);
    read_rest(&child->err);
}

/* ---- input ---- */

static struct process_write *first_write(struct input *input)
{
    return list_is_empty(&input->writes)
               ? NULL
               : CONTAINER_OF(input->writes.next, struct process_write, link);
}

static void finish_write(struct process_write *write, int error)
{
    list_remove(&write->link);
    write->done(write, error);
}

void child_close_input(struct child *child)
{
    struct process_write *write;
    close_end(&child->input.end);
    child->input.is_over = true;
    child->input.left = 0;
    while ((write = first_write(&child->input)))
        finish_write(write, EPIPE);
}

/* As much as fits. Whether all of it went; false with EPIPE or EAGAIN in errno. */
static bool write_some(int fd, const char *bytes, size_t size, size_t *n)
{
    ssize_t written = 0;
    for (*n = 0; *n < size; *n += (size_t)written)
        while ((written = write(fd, bytes + *n, size - *n)) < 0)
            if (errno != EINTR)
                return false;
    return true;
}

/* Whether there is nothing more to write for now. */
static bool write_all(struct child *child)
{
    struct input *input = &child->input;
    struct process_write *write;
    size_t n;
    bool is_done = write_some(input->end.fd, input->at, input->left, &n);
    input->at += n;
    input->left -= n;
    while (is_done && (write = first_write(input))) {
        is_done = write_some(input->end.fd, write->bytes + write->written,
                             write->size - write->written, &n);
        write->written += n;
        if (is_done)
            finish_write(write, 0);
        if (input->is_over) /* whom it told has closed it */
            return true;
    }
    return is_done;
}

static void write_input(struct child *child)
{
    struct input *input = &child->input;
    if (input->is_over)
        return;
    bool is_done = write_all(child);
    if (input->is_over)
        return;
    if (!is_done && errno != EAGAIN) /* a child need not read its input */
        child_close_input(child);
    else if (is_done && input->is_ending)
        child_close_input(child);
    else
        watch(&input->end, EPOLL_CTL_MOD, is_done ? 0 : EPOLLOUT);
}

void child_open_input(struct child *child)
{
    struct input *input = &child->input;
    const struct process *process = child->process;
    if (input->is_over) /* abandoned meanwhile */
        return;
    watch(&input->end, EPOLL_CTL_ADD, 0);
    input->at = process->input;
    input->left = process->input ? process->input_size : 0;
    input->is_ending |= !process->keeps_input_open;
    input->is_read = true;
    write_input(child);
}

void child_feed(struct child *child)
{
    if (child->input.is_read && !child->input.is_over)
        watch(&child->input.end, EPOLL_CTL_MOD, EPOLLOUT);
}

/* ---- all of them ---- */

void child_drop_pipes(struct child *child)
{
    close_end(&child->out);
    close_end(&child->err);
    close_end(&child->input.end);
}

void child_close_pipes(struct child *child)
{
    child_drop_pipes(child);
    child_close_input(child);
}

void host_uv_serve_pipes(struct host_uv *host)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(host->pipes, events, EVENTS, 0);
    for (int i = 0; i < n; i++) {
        struct pipe_end *end = events[i].data.ptr;
        if (end->fd < 0) /* closed by what an event before it led to */
            continue;
        if (end->use != PIPE_INPUT)
            read_some(end, events[i].events);
        else if (events[i].events & EPOLLERR) /* nobody reads it any more */
            child_close_input(end->child);
        else
            write_input(end->child);
    }
}
