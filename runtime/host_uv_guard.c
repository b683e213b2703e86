#include "runtime/host_uv_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PIDS (1u << 22) /* the kernel's PID_MAX_LIMIT */

struct note {
    pid_t group;
    int runs;
};

/* One bit for each process group; untouched pages cost nothing. */
static void set_bit(uint8_t *bits, struct note note)
{
    uint8_t bit = (uint8_t)(1u << (note.group & 7));
    if (note.group <= 0 || (uint32_t)note.group >= PIDS)
        return;
    if (note.runs)
        bits[note.group >> 3] |= bit;
    else
        bits[note.group >> 3] &= (uint8_t)~bit;
}

static void kill_all(const uint8_t *bits)
{
    for (uint32_t pid = 1; pid < PIDS; pid++)
        if (bits[pid >> 3] >> (pid & 7) & 1)
            kill(-(pid_t)pid, SIGKILL);
}

static _Noreturn void guard(int notes)
{
    struct note note;
    ssize_t n;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid(); /* who signals the server's group or session, such as a terminal, means the server */
    prctl(PR_SET_NAME, "awaitd-guard");
    if (dup2(notes, 0) < 0 || close_range(1, ~0u, 0) < 0)
        _exit(1);
    uint8_t *bits =
        mmap(NULL, PIDS / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bits == MAP_FAILED)
        _exit(1);
    while ((n = read(0, &note, sizeof note)) == sizeof note || (n < 0 && errno == EINTR))
        if (n > 0)
            set_bit(bits, note);
    kill_all(bits);
    _exit(0);
}

int guard_start(void)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[1]);
        guard(fds[0]);
    }
    close(fds[0]);
    if (pid < 0 || fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0) {
        close(fds[1]);
        return -1;
    }
    return fds[1];
}

void guard_note(int guard_fd, pid_t group, bool runs)
{
    struct note note = {group, runs};
    while (guard_fd && write(guard_fd, &note, sizeof note) < 0 && errno == EINTR)
        ; /* smaller than PIPE_BUF: all of it or nothing */
}
