/* The unit tests: one line here declares a file's table, one below lists it. */
#include "tests/suites.h"

extern CU_TestInfo tests_buffer[];
extern CU_TestInfo tests_id[];
extern CU_TestInfo tests_plan[];
extern CU_TestInfo tests_runtime[];
extern CU_TestInfo tests_timer[];

CU_SuiteInfo suites[] = {
    {"buffer", NULL, NULL, NULL, NULL, tests_buffer},
    {"id", NULL, NULL, NULL, NULL, tests_id},
    {"plan", NULL, NULL, NULL, NULL, tests_plan},
    {"runtime", NULL, NULL, NULL, NULL, tests_runtime},
    {"timer", NULL, NULL, NULL, NULL, tests_timer},
    CU_SUITE_INFO_NULL,
};
