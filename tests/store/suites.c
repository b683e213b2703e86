#include "tests/store/fixture.h"
#include "tests/store/recording_vfs.h"

extern CU_TestInfo tests_store[];
extern CU_TestInfo tests_lists[];
extern CU_TestInfo tests_resources[];
extern CU_TestInfo tests_documents[];
extern CU_TestInfo tests_futures[];
extern CU_TestInfo tests_start[];
extern CU_TestInfo tests_retention[];
extern CU_TestInfo tests_backup[];
extern CU_TestInfo tests_checkpoint[];
extern CU_TestInfo tests_runs[];
extern CU_TestInfo tests_marks[];
extern CU_TestInfo tests_keys[];
extern CU_TestInfo tests_migration[];
extern CU_TestInfo tests_sqlite[];
extern CU_TestInfo tests_check[];
extern CU_TestInfo tests_crash[];
extern CU_TestInfo tests_faults[];
extern CU_TestInfo tests_full[];
extern CU_TestInfo tests_io[];
extern CU_TestInfo tests_power[];

/* The first six pairs are the contract: the same tests for every backend. */
CU_SuiteInfo suites[] = {
    {"sqlite", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_store},
    {"memory", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down, tests_store},
    {"sqlite lists", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_lists},
    {"memory lists", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down, tests_lists},
    {"sqlite resources", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down,
     tests_resources},
    {"memory resources", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down,
     tests_resources},
    {"sqlite documents", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down,
     tests_documents},
    {"memory documents", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down,
     tests_documents},
    {"sqlite futures", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_futures},
    {"memory futures", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down, tests_futures},
    {"sqlite start", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_start},
    {"memory start", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down, tests_start},
    {"sqlite retention", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down,
     tests_retention},
    {"memory retention", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down,
     tests_retention},
    {"sqlite backup", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down,
     tests_backup},
    {"sqlite checkpoint", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down,
     tests_checkpoint},
    {"sqlite runs", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_runs},
    {"memory runs", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down, tests_runs},
    {"sqlite marks", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_marks},
    {"sqlite keys", fixture_use_sqlite, NULL, fixture_set_up, fixture_tear_down, tests_keys},
    {"memory keys", fixture_use_memory, NULL, fixture_set_up, fixture_tear_down, tests_keys},
    {"sqlite migration", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down,
     tests_migration},
    {"sqlite file", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down, tests_sqlite},
    {"sqlite check", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down, tests_check},
    {"sqlite crash", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down, tests_crash},
    {"sqlite faults", faults_register, faults_unregister, fixture_make_folder, fixture_tear_down,
     tests_faults},
    {"sqlite full", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down, tests_full},
    {"sqlite I/O", fixture_use_sqlite, NULL, fixture_make_folder, fixture_tear_down, tests_io},
    {"sqlite power", recording_register, recording_unregister, fixture_make_folder,
     fixture_tear_down, tests_power},
    CU_SUITE_INFO_NULL,
};
