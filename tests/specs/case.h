/* The spec tests: cases as data (README.md has the format), read, run on the simulated host,
 * compared. */
#ifndef AWAITD_TESTS_SPECS_CASE_H
#define AWAITD_TESTS_SPECS_CASE_H

#include <CUnit/CUnit.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/sim/sim.h"

#define SPECS_SUITES_MAX 100
#define CASE_REQUESTS_MAX 16 /* cancels, reschedules, futures */

/* A line `log: TIME [level] @/path message`; level and path are NULL where the case does not care.
 */
struct case_log {
    double at;
    char *level, *path, *message;
};

/* Owns its texts and values. What the case does not say is NULL, or negative for numbers. */
struct spec_case {
    const char *file; /* borrowed */
    unsigned line;
    char *name, *state;
    json_t *spec, *coroutines, *result, *error, *unhandled;
    double timeout, took;
    struct sim_cancel cancels[CASE_REQUESTS_MAX];
    struct sim_reschedule reschedules[CASE_REQUESTS_MAX];
    struct sim_future futures[CASE_REQUESTS_MAX];
    size_t n_cancels, n_reschedules, n_futures;
    bool never_crashes; /* "crashes: no": what it does when a leaf's end and a timer come together
                         * is not the same with and without */
    struct case_log *log;
    size_t n_log;
};

struct spec_file {
    char *path, *suite; /* the suite's name is that of the file, without its folder and ending */
    struct spec_case *cases;
    size_t n_cases;
};

/* Reads the whole file. A file that does not follow the format ends the program with a message. */
void spec_file_read(struct spec_file *file, const char *path);
void spec_file_release(struct spec_file *file);

/* Runs one case. NULL when all is as expected; else what differs (caller frees). */
char *spec_case_run(const struct spec_case *c);

/* Reads all files (those named in the environment's SPECS, separated by blanks, or else
 * tests/specs/ *.test) and fills in a suite for each, up to n of them. */
void specs_list_suites(CU_SuiteInfo *suites, size_t n);
/* One suite of one test: reference.py on the same files. */
CU_SuiteInfo specs_reference_suite(void);

#endif
