/* A small JSON text that is kept by kind and name: the definition of a coroutine, a loop, a group.
 * [any] */
#ifndef AWAITD_RUNTIME_STORE_DOCUMENT_H
#define AWAITD_RUNTIME_STORE_DOCUMENT_H

#include <stdint.h>

/* Texts are NUL-terminated and never NULL; kind and name are never empty. */
struct document {
    const char *kind, *name;
    const char *body; /* compact JSON */
    int64_t created_at_us, updated_at_us;
};

/* One of the caller's own, together with its texts; NULL when out of memory. */
struct document *document_copy(const struct document *from);
void document_free(struct document *document); /* only what was copied; NULL is fine */

#endif
