/* malloc and its like, as all of schema/ calls them, with two things more: where there
 * is no memory, whoever runs the process is asked to make some (what C++ calls a new-handler; the
 * server has a reserve for that, runtime/base/reserve.h); and what failed is counted, so that a
 * whole operation can be judged at its end. All may return NULL; free() frees. [any] */
#ifndef AWAITD_SCHEMA_ALLOCATE_H
#define AWAITD_SCHEMA_ALLOCATE_H

#include <stdbool.h>
#include <stddef.h>

void *allocate(size_t size);
void *allocate_zeroed(size_t n, size_t size);
/* NULL: memory is as it was. */
void *allocate_resize(void *memory, size_t size);
char *allocate_text(const char *text);             /* as strdup */
char *allocate_part(const char *text, size_t max); /* as strndup */

/* How many of these failed on this thread, ever. When it grew during an operation, what that found
 * out is not to be believed: jansson, for one, copies an object without what it has no room for. */
size_t allocate_failures(void);

/* make_room frees memory and returns true, or has not enough: called each time that an allocation
 * of so many bytes failed, on its thread; it must not allocate. One for the process, since malloc
 * is the process's too. [main, before other threads] */
void allocate_on_shortage(bool (*make_room)(size_t size));

#endif
