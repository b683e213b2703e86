/* Each file of cases is a suite, each case a test. */
#include <stdlib.h>
#include <string.h>

#include "tests/specs/case.h"
#include "tests/suites.h"

void suites_prepare(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--reference") == 0)
        suites[0] = specs_reference_suite();
    else
        specs_list_suites(suites, SPECS_SUITES_MAX);
}

CU_SuiteInfo suites[SPECS_SUITES_MAX + 1];
