#include "tests/memory/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/base/bug.h"
#include "runtime/base/reserve.h"
#include "tests/memory/inject.h"

#define SHORT_RUNS 40 /* of each scenario and kind of fault, in the short form */
#define PATIENCE_S 20 /* a run that takes longer hangs */

void complain(struct report *report, const char *format, ...)
{
    va_list arguments;
    if (*report->complaint)
        return;
    va_start(arguments, format);
    vsnprintf(report->complaint, sizeof report->complaint, format, arguments);
    va_end(arguments);
}

bool is_full_form(void)
{
    return getenv("FULL") != NULL;
}

/* ---- one run ---- */

__attribute__((weak)) void __lsan_do_leak_check(void);

static struct report *report_new(void)
{
    struct report *report =
        mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_PTR_NOT_EQUAL_FATAL(report, MAP_FAILED);
    return report;
}

static pid_t begin(void)
{
    fflush(NULL);
    pid_t pid = fork();
    BUG_ON(pid < 0);
    return pid;
}

static _Noreturn void end(void)
{
    if (__lsan_do_leak_check)
        __lsan_do_leak_check();
    _exit(EXIT_SUCCESS);
}

static _Noreturn void be_child(const struct scenario *scenario, struct report *report, size_t nth,
                               bool for_good)
{
    alarm(PATIENCE_S);
    if (scenario->prepare)
        scenario->prepare();
    if (scenario->with_reserve)
        BUG_ON(!reserve_open());
    scenario->run(report, nth, for_good);
    end();
}

static _Noreturn void be_verifier(const struct scenario *scenario, struct report *report)
{
    alarm(PATIENCE_S);
    scenario->verify(report);
    _exit(EXIT_SUCCESS);
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        BUG_ON(errno != EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* How the process ended: its exit status, or 1000 and the signal. */
static int run_once(const struct scenario *scenario, struct report *report, size_t nth,
                    bool for_good)
{
    memset(report, 0, sizeof *report);
    pid_t pid = begin();
    if (pid == 0)
        be_child(scenario, report, nth, for_good);
    int status = wait_for(pid);
    bool is_orderly = status == 0 || (status == EX_OSERR && scenario->with_reserve && for_good) ||
                      (status == EX_TEMPFAIL && scenario->may_stop && nth != SIZE_MAX);
    if (!is_orderly)
        complain(report, status == 1000 + SIGALRM ? "hangs" : "ended with status %d", status);
    if (scenario->verify) {
        if ((pid = begin()) == 0)
            be_verifier(scenario, report);
        int verified = wait_for(pid);
        if (verified != 0)
            complain(report, "afterwards: ended with status %d", verified);
    }
    return status;
}

/* ---- all of them ---- */

static size_t chosen(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : 0;
}

void scenario_run(const struct scenario *scenario, bool for_good)
{
    struct report *report = report_new();
    size_t only = chosen("NTH"), runs = chosen("RUNS"), n_runs = 0;
    run_once(scenario, report, SIZE_MAX, for_good); /* counts */
    size_t n = report->n_allocations, most = is_full_form() ? n : runs ? runs : SHORT_RUNS;
    size_t step = n / most > 0 ? n / most : 1;
    if (*report->complaint)
        fprintf(stderr, "%s, without a fault: %s\n", scenario->name, report->complaint);
    CU_ASSERT_EQUAL_FATAL(*report->complaint, 0);
    CU_ASSERT_FATAL(n > 0);
    for (size_t nth = only ? only : 1; nth <= (only ? only : n); nth += step) {
        run_once(scenario, report, nth, for_good);
        n_runs++;
        if (*report->complaint)
            fprintf(stderr, "%s: allocation %zu of %zu failed %s (NTH=%zu): %s\n", scenario->name,
                    nth, n, for_good ? "for good" : "once", nth, report->complaint);
        CU_ASSERT_EQUAL(*report->complaint, 0);
    }
    printf("%zu of %zu allocations ", n_runs, n);
    munmap(report, sizeof *report);
}

void run_isolated(void (*run)(struct report *report))
{
    struct report *report = report_new();
    pid_t pid = begin();
    if (pid == 0) {
        run(report);
        end();
    }
    int status = wait_for(pid);
    if (status != 0)
        complain(report, "ended with status %d", status);
    if (*report->complaint)
        fprintf(stderr, "%s\n", report->complaint);
    CU_ASSERT_EQUAL(*report->complaint, 0);
    CU_ASSERT(report->n_allocations > 0);
    printf("%zu allocations ", report->n_allocations);
    munmap(report, sizeof *report);
}
