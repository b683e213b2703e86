#include "server/signals.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#define SIGNAL_FAILED SIGUSR1

static sigset_t ending_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGNAL_FAILED);
    return set;
}

static void leave_now(int signal)
{
    static const char late[] = "awaitd: the drain took too long; what has not ended runs again at "
                               "the next start\n";
    if (signal == SIGALRM && write(STDERR_FILENO, late, sizeof(late) - 1) < 0)
        _exit(EX_OK);
    _exit(signal == SIGALRM ? EX_OK : signal == SIGNAL_FAILED ? EX_TEMPFAIL : 128 + signal);
}

void signals_prepare(void)
{
    const int numbers[] = {SIGTERM, SIGINT, SIGNAL_FAILED, SIGALRM};
    struct sigaction action = {.sa_handler = leave_now};
    sigset_t set = ending_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

enum ending signals_wait(void)
{
    sigset_t set = ending_signals();
    int signal = 0;
    while (sigwait(&set, &signal) != 0)
        continue;
    return signal == SIGNAL_FAILED ? ENDING_FAILED : ENDING_ASKED;
}

void signals_leave_soon(int milliseconds)
{
    struct itimerval timer = {
        .it_value = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000}};
    sigset_t set = ending_signals();
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

void signals_fail(void)
{
    kill(getpid(), SIGNAL_FAILED);
}
