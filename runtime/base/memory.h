/* Memory for a job that was admitted: there is no good way to go on without it, and nothing is lost
 * by stopping, since every acknowledged task is on disk and runs again at the next start. So these
 * never return NULL; they say what happened and abort. Requests that can be refused use malloc
 * instead. [any] */
#ifndef AWAITD_RUNTIME_BASE_MEMORY_H
#define AWAITD_RUNTIME_BASE_MEMORY_H

#include <stddef.h>

void *memory_new(size_t size) __attribute__((returns_nonnull, malloc));
void *memory_new_zeroed(size_t n, size_t size) __attribute__((returns_nonnull, malloc));
void *memory_resize(void *memory, size_t size) __attribute__((returns_nonnull));
/* value, unless it is NULL for want of memory */
void *memory_need(void *value) __attribute__((returns_nonnull));

#endif
