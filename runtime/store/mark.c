#include "runtime/store/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "schema/allocate.h"

/* The file begins with the pid of whoever has the database locked. */
#define MARKS_AT 4096

struct marks {
    atomic_uint refs;
    int fd;
    size_t n;
    struct crash_mark last[MARKS_MAX];
};

static off_t offset_of(size_t slot)
{
    return MARKS_AT + (off_t)(slot * sizeof(struct crash_mark));
}

static bool is_set(const struct crash_mark *mark)
{
    static const struct id none;
    return id_compare(&mark->task, &none) != 0;
}

static void read_last(struct marks *marks)
{
    struct crash_mark *last = marks->last;
    ssize_t size = pread(marks->fd, last, sizeof marks->last, offset_of(0));
    for (size_t i = 0; size > 0 && i < (size_t)size / sizeof *last; i++)
        if (is_set(&last[i])) {
            last[marks->n] = last[i];
            last[marks->n++].what[MARK_WHAT_MAX - 1] = '\0';
        }
}

struct marks *marks_open(const char *path)
{
    struct marks *marks = allocate_zeroed(1, sizeof *marks);
    if (!marks)
        return NULL;
    marks->refs = 1;
    marks->fd = open(path, O_RDWR | O_CLOEXEC);
    if (marks->fd < 0) {
        free(marks);
        return NULL;
    }
    read_last(marks);
    return marks;
}

struct marks *marks_ref(struct marks *marks)
{
    if (marks)
        atomic_fetch_add(&marks->refs, 1);
    return marks;
}

void marks_unref(struct marks *marks)
{
    if (!marks || atomic_fetch_sub(&marks->refs, 1) > 1)
        return;
    close(marks->fd);
    free(marks);
}

const struct crash_mark *marks_last(const struct marks *marks, size_t *n)
{
    *n = marks ? marks->n : 0;
    return marks ? marks->last : NULL;
}

void marks_forget(struct marks *marks)
{
    if (marks && ftruncate(marks->fd, MARKS_AT) != 0)
        errno = 0;
}

/* Without room on the disk there is no mark: then a crash is counted as nobody's. */
void marks_set(struct marks *marks, size_t slot, const struct crash_mark *mark)
{
    static const struct crash_mark none;
    if (marks && pwrite(marks->fd, mark ? mark : &none, sizeof none, offset_of(slot)) < 0)
        errno = 0;
}
