/* Runs of one scenario, each in a process of its own, each with another allocation that fails,
 * until a run meets no fault. */
#ifndef AWAITD_TESTS_MEMORY_RUN_H
#define AWAITD_TESTS_MEMORY_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/suites.h"

/* Where a process cannot say what came of it but by ending. */
struct report {
    size_t n_allocations;
    char notes[3000];     /* the scenario's own: what `verify` has to know */
    char complaint[1000]; /* of the run or of verify; empty: none */
};

struct scenario {
    const char *name;
    bool with_reserve;     /* as in the server: it may end for want of memory */
    bool may_stop;         /* since a commit's outcome is unknown (EX_TEMPFAIL) */
    void (*prepare)(void); /* or NULL; in the process, before anything fails */
    void (*run)(struct report *report, size_t nth, bool for_good); /* calls inject… itself */
    void (*verify)(struct report *report); /* or NULL; in a process afterwards: nothing fails */
};

/* One after another: each allocation once, or, in the short form, some of them. CU_FAILs with what
 * went wrong. */
void scenario_run(const struct scenario *scenario, bool for_good);

/* The same for what never ends a process: `run` tries each allocation by itself, and counts those
 * that failed in n_allocations. In a process of its own, which is looked at for leaks. */
void run_isolated(void (*run)(struct report *report));

/* FULL=1: everything; else what fits into `make test`. */
bool is_full_form(void);

/* Notes what is wrong, the first time. */
void complain(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
