/* The bare loop that the subprocess benchmark is measured against: posix_spawn of /bin/true with
 * stdout and stderr read through pipes, so many at once, on one thread. Prints processes a second.
 *
 *     posix_spawn [n [at_once]] */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 1024

struct running {
    pid_t pid; /* 0: the place is free */
    int out, err;
};

static int make_pipe(posix_spawn_file_actions_t *actions, int child_fd, int *child_end)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        perror("pipe2");
        exit(1);
    }
    posix_spawn_file_actions_adddup2(actions, fds[1], child_fd);
    *child_end = fds[1];
    return fds[0];
}

static void start(struct running *r)
{
    static char *argv[] = {"/bin/true", NULL}, *env[] = {"PATH=/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    r->out = make_pipe(&actions, 1, &ends[0]);
    r->err = make_pipe(&actions, 2, &ends[1]);
    errno = posix_spawn(&r->pid, argv[0], &actions, NULL, argv, env);
    if (errno) {
        perror("posix_spawn");
        exit(1);
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    close(ends[1]);
}

/* What there is to read of a stream; -1 when it has ended. */
static int drain(int fd)
{
    char bytes[4096];
    if (read(fd, bytes, sizeof bytes) > 0)
        return fd;
    close(fd);
    return -1;
}

/* Whether it is over: both streams have ended, and it was reaped. */
static int is_over(struct running *r)
{
    if (r->out >= 0 || r->err >= 0)
        return 0;
    int status;
    waitpid(r->pid, &status, 0);
    if (status) {
        fprintf(stderr, "/bin/true: status %d\n", status);
        exit(1);
    }
    r->pid = 0;
    return 1;
}

static void wait_for_some(struct running *all, int at_once)
{
    struct pollfd fds[2 * MOST];
    for (int i = 0; i < at_once; i++) {
        fds[2 * i] = (struct pollfd){all[i].pid ? all[i].out : -1, POLLIN, 0};
        fds[2 * i + 1] = (struct pollfd){all[i].pid ? all[i].err : -1, POLLIN, 0};
    }
    poll(fds, 2 * (nfds_t)at_once, -1);
    for (int i = 0; i < at_once; i++) {
        if (fds[2 * i].revents)
            all[i].out = drain(all[i].out);
        if (fds[2 * i + 1].revents)
            all[i].err = drain(all[i].err);
    }
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 10000, at_once = argc > 2 ? atoi(argv[2]) : 16;
    struct running all[MOST] = {0};
    struct timespec from, to;
    if (n < 1 || at_once < 1 || at_once > MOST)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int started = 0, over = 0; over < n;) {
        for (int i = 0; i < at_once && started < n; i++)
            if (!all[i].pid) {
                start(&all[i]);
                started++;
            }
        wait_for_some(all, at_once);
        for (int i = 0; i < at_once; i++)
            if (all[i].pid)
                over += is_over(&all[i]);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double took = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf("%.0f\n", n / took);
    return 0;
}
