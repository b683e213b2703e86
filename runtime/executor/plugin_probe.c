#include "runtime/executor/plugin_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/process_end.h"

/* What the process writes when the attempt is over. */
struct finding {
    int status;
    struct error error;
};
_Static_assert(sizeof(struct finding) <= 4096, "fits a pipe at once");

static _Noreturn void try(int (*attempt)(void *, struct error *), void *context, int out)
{
    struct finding finding = {0};
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO); /* where the server says that it is ready */
    if (out > 3) /* nothing of the server's, such as its end of the spawner's channel */
        close_range(3, (unsigned)out - 1, 0);
    close_range((unsigned)out + 1, ~0u, 0);
    finding.status = attempt(context, &finding.error);
    _exit(write(out, &finding, sizeof finding) == sizeof finding ? 0 : 1);
}

/* Waits for its end, for so long; then it is made to end. Whether it ended by itself. */
static bool wait_for_end(pid_t pid, int patience_ms, int *wait_status)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    int n = fd < 0 ? 1 : poll(&ended, 1, patience_ms);
    if (fd >= 0)
        close(fd);
    kill(-pid, SIGKILL); /* the leader is not reaped yet: the group is still its own */
    if (n == 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, wait_status, 0) < 0 && errno == EINTR)
        continue;
    return n != 0;
}

int probe(int (*attempt)(void *context, struct error *e), void *context, int patience_ms,
          char *ending, size_t size, struct error *e)
{
    int fds[2], wait_status = 0;
    struct finding finding;
    ending[0] = '\0';
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_set(e, ERROR_SYSTEM, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        try(attempt, context, fds[1]);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return error_set(e, ERROR_SYSTEM, "cannot start a process: %s", strerror(errno));
    }
    bool ended = wait_for_end(pid, patience_ms, &wait_status);
    bool found = read(fds[0], &finding, sizeof finding) == sizeof finding;
    close(fds[0]);
    if (ended && found) {
        *e = finding.error;
        return finding.status;
    }
    if (ended)
        process_end_write(WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status)
                                                   : WEXITSTATUS(wait_status),
                          ending, size);
    else
        snprintf(ending, size, "did nothing for %g seconds", patience_ms / 1000.0);
    return error_set(e, ERROR_PLUGIN, "the attempt failed");
}
