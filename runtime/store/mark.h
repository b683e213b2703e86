/* What a process is doing at the moment that it may die of: the next process on the same database
 * sees what the last one had marked when it ended, however that was. Nothing is synced: marks
 * outlive the process, and not the machine, whose end is not to blame on what ran. */
#ifndef AWAITD_RUNTIME_STORE_MARK_H
#define AWAITD_RUNTIME_STORE_MARK_H

#include <stddef.h>
#include <stdint.h>

#include "schema/id.h"

#define MARKS_MAX 1024
#define MARK_WHAT_MAX 36

/* As it stands in the file. */
struct mark {
    struct id task;
    uint32_t number, node, depth; /* struct entry_place, in runtime/journal/entry.h */
    char what[MARK_WHAT_MAX];     /* in words, NUL-terminated */
};
_Static_assert(sizeof(struct mark) == 64, "marks do not cross the borders of pages");

struct marks;

/* In the file of that name, behind what else it holds; NULL when that is not possible. [any] */
struct marks *marks_open(const char *path);
void marks_close(struct marks *marks); /* NULL is fine */
/* From now on slot says so; mark NULL: nothing. Each slot is one thread's at a time. [any] */
void marks_set(struct marks *marks, size_t slot, const struct mark *mark);

/* What stands in the file of that descriptor: *n of them, for free(); NULL when there are none. */
struct mark *marks_read(int fd, size_t *n);

#endif
