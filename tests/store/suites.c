#include "tests/store/fixture.h"

extern CU_TestInfo tests_store[];
extern CU_TestInfo tests_sqlite[];
extern CU_TestInfo tests_faults[];

CU_SuiteInfo suites[] = {
    {"sqlite", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_store},
    {"memory", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down, tests_store},
    {"sqlite file", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down, tests_sqlite},
    {"sqlite faults", faults_register, faults_unregister, fixture_make_folder, fixture_tear_down,
     tests_faults},
    CU_SUITE_INFO_NULL,
};
