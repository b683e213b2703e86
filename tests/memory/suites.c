#include "runtime/base/log.h"
#include "tests/memory/inject.h"
#include "tests/suites.h"

extern CU_TestInfo tests_of_schema[], tests_of_values[], tests_of_functions[], tests_of_engine[],
    tests_of_store[], tests_of_runtime[], tests_of_reserve[];

CU_SuiteInfo suites[] = {
    {"reserve", NULL, NULL, NULL, NULL, tests_of_reserve},
    {"schema", NULL, NULL, NULL, NULL, tests_of_schema},
    {"values", NULL, NULL, NULL, NULL, tests_of_values},
    {"functions", NULL, NULL, NULL, NULL, tests_of_functions},
    {"engine", NULL, NULL, NULL, NULL, tests_of_engine},
    {"store", NULL, NULL, NULL, NULL, tests_of_store},
    {"runtime", NULL, NULL, NULL, NULL, tests_of_runtime},
    CU_SUITE_INFO_NULL,
};

void suites_prepare(int argc, char **argv)
{
    (void)argc, (void)argv;
    log_configure(LOG_HUMAN, LOG_ERROR + 1); /* what is said of each of the many ends is no news */
    inject_prepare();
}
