/* What tests/main.c runs: each test program defines it in its own suites.c. */
#ifndef AWAITD_TESTS_SUITES_H
#define AWAITD_TESTS_SUITES_H

#include <CUnit/CUnit.h>

extern CU_SuiteInfo suites[]; /* ends with CU_SUITE_INFO_NULL */

/* A program whose tests are data may define this too: it is called first and fills in its suites.
 */
void suites_prepare(int argc, char **argv) __attribute__((weak));

#endif
