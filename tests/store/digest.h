/* All that a database says, as one number, for comparing two. [main] */
#ifndef AWAITD_TESTS_STORE_DIGEST_H
#define AWAITD_TESTS_STORE_DIGEST_H

#include <stdint.h>

/* Of every row of every table. A store may have the file open. */
uint64_t digest_of(const char *path);

#endif
