/* Memory that is not there when it is asked for. The program is linked so that every malloc of
 * schema/, runtime/ and the tests, and those of jansson, SQLite, libuv and libcurl through hooks of
 * theirs, come here first (--wrap, see the Makefile). Nothing fails until inject() was called. */
#ifndef AWAITD_TESTS_MEMORY_INJECT_H
#define AWAITD_TESTS_MEMORY_INJECT_H

#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now, of whichever thread, fails: once, or it and all that follow. */
void inject(size_t nth, bool for_good);
/* No more. How many allocations there were; *met: whether one failed. */
size_t inject_end(bool *met);

/* No mapping can be had, or it can again: the reserve stays as it is. */
void inject_maps(bool fail);

/* What the test itself allocates in between neither counts nor fails; may be nested. [any] */
void inject_spare(bool is_spared);

/* [main, first of all] */
void inject_prepare(void);

#endif
