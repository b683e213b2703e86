#include "tests/store/fixture.h"

extern CU_TestInfo tests_store[];

CU_SuiteInfo suites[] = {
    {"sqlite", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_store},
    {"memory", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down, tests_store},
    CU_SUITE_INFO_NULL,
};
