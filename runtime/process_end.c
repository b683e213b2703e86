#include "runtime/process_end.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_crash(int signal)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (signal == faults[i])
            return true;
    return false;
}

void process_end_write(int code, char *text, size_t size)
{
    const char *name = code < 0 ? sigabbrev_np(-code) : NULL;
    const char *verb = is_crash(-code) ? "crashed" : "was killed";
    if (code >= 0)
        snprintf(text, size, "exited with status %d", code);
    else if (name)
        snprintf(text, size, "%s (SIG%s)", verb, name);
    else
        snprintf(text, size, "%s (signal %d)", verb, -code);
}
