/* The unit tests: one line here declares a file's table, one below lists it. */
#include "tests/suites.h"

extern CU_TestInfo tests_buffer[];
extern CU_TestInfo tests_id[];

CU_SuiteInfo suites[] = {
    {"buffer", NULL, NULL, NULL, NULL, tests_buffer},
    {"id", NULL, NULL, NULL, NULL, tests_id},
    CU_SUITE_INFO_NULL,
};
