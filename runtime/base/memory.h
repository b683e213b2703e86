/* Memory for a job that was admitted: there is no good way to go on without it. So these never
 * return NULL: they draw on the reserve, and at its end the process ends (reserve.h). Requests that
 * can be refused use schema/allocate.h instead. [any] */
#ifndef AWAITD_RUNTIME_BASE_MEMORY_H
#define AWAITD_RUNTIME_BASE_MEMORY_H

#include <stddef.h>

void *memory_new(size_t size) __attribute__((returns_nonnull, malloc));
void *memory_new_zeroed(size_t n, size_t size) __attribute__((returns_nonnull, malloc));
void *memory_resize(void *memory, size_t size) __attribute__((returns_nonnull));
char *memory_text(const char *text) __attribute__((returns_nonnull));             /* as strdup */
char *memory_part(const char *text, size_t max) __attribute__((returns_nonnull)); /* as strndup */
/* value, unless it is NULL for want of memory: then what made it has drawn on the reserve in vain
 */
void *memory_need(void *value) __attribute__((returns_nonnull));

#endif
