/* What a process is doing at the moment that it may die of: the next process on the same database
 * sees what was marked when the last one ended, however that was. Nothing is synced: marks outlive
 * the process, and not the machine, whose end is not to blame on what ran. */
#ifndef AWAITD_RUNTIME_STORE_MARK_H
#define AWAITD_RUNTIME_STORE_MARK_H

#include <stddef.h>
#include <stdint.h>

#include "schema/id.h"

#define MARKS_MAX 1024
#define MARK_WHAT_MAX 36

/* As it stands in the file. */
struct crash_mark {
    struct id task;
    uint32_t number, node, depth; /* struct entry_place, in runtime/journal/entry.h */
    char what[MARK_WHAT_MAX];     /* in words, NUL-terminated */
};
_Static_assert(sizeof(struct crash_mark) == 64, "marks do not cross the borders of pages");

struct marks;

/* In the file of that name, behind what else it holds; NULL when that is not possible. Holds what
 * is marked there. The caller owns a reference. [any] */
struct marks *marks_open(const char *path);
struct marks *marks_ref(struct marks *marks); /* NULL is fine, here and below */
void marks_unref(struct marks *marks);

/* What was marked when they were opened: *n of them, borrowed. [any] */
const struct crash_mark *marks_last(const struct marks *marks, size_t *n);
/* The next process is not to see them; before anything is marked anew. [main, or router] */
void marks_forget(struct marks *marks);
/* From now on slot says so; mark NULL: nothing. Each slot is one thread's at a time. [any] */
void marks_set(struct marks *marks, size_t slot, const struct crash_mark *mark);

#endif
