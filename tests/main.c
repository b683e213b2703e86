/* main of every CUnit program here. Each links one suites.c, which lists its suites.
 *   prog [NAME]    runs the tests whose suite or name contains NAME, or all */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

static void keep_matching(const char *wanted)
{
    for (CU_pSuite s = CU_get_registry()->pSuite; s; s = s->pNext)
        for (CU_pTest t = s->pTest; t; t = t->pNext)
            if (!strstr(s->pName, wanted) && !strstr(t->pName, wanted))
                CU_set_test_active(t, CU_FALSE);
}

int main(int argc, char **argv)
{
    if (suites_prepare)
        suites_prepare(argc, argv);
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return EXIT_FAILURE;
    if (argc > 1)
        keep_matching(argv[1]);
    CU_set_fail_on_inactive(CU_FALSE);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    unsigned ran = CU_get_number_of_tests_run();
    CU_cleanup_registry();
    return failures == 0 && ran > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
