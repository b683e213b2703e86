/* The cases of tests/specs/, and specs that are refused, as what faults are tried on. */
#ifndef AWAITD_TESTS_MEMORY_SPECS_H
#define AWAITD_TESTS_MEMORY_SPECS_H

#include "tests/specs/case.h"

/* In the short form one of many. Read when they are first asked for; never freed. */
size_t specs_count(void);
const struct spec_case *specs_get(size_t i);

#endif
