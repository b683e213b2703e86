#include "tests/suites.h"
CU_TestInfo tests_of_runtime[] = {CU_TEST_INFO_NULL};
