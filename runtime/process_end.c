#include "runtime/process_end.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static bool is_crash(int signal)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (signal == faults[i])
            return true;
    return false;
}

void process_end_write(int wait_status, char *text, size_t size)
{
    if (!WIFSIGNALED(wait_status)) {
        snprintf(text, size, "exited with status %d", WEXITSTATUS(wait_status));
        return;
    }
    int signal = WTERMSIG(wait_status);
    const char *name = sigabbrev_np(signal), *verb = is_crash(signal) ? "crashed" : "was killed";
    if (name)
        snprintf(text, size, "%s (SIG%s)", verb, name);
    else
        snprintf(text, size, "%s (signal %d)", verb, signal);
}
