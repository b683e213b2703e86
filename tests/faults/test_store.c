#include "tests/suites.h"
CU_TestInfo tests_of_store[] = {CU_TEST_INFO_NULL};
