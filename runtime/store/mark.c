#include "runtime/store/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* The file begins with the pid of whoever has the database locked. */
#define MARKS_AT 4096

struct marks {
    int fd;
};

struct marks *marks_open(const char *path)
{
    struct marks *marks = malloc(sizeof *marks);
    if (!marks)
        return NULL;
    marks->fd = open(path, O_RDWR | O_CLOEXEC);
    if (marks->fd >= 0)
        return marks;
    free(marks);
    return NULL;
}

void marks_close(struct marks *marks)
{
    if (marks)
        close(marks->fd);
    free(marks);
}

static off_t offset_of(size_t slot)
{
    return MARKS_AT + (off_t)(slot * sizeof(struct mark));
}

/* Without room on the disk there is no mark: then a crash is counted as nobody's. */
void marks_set(struct marks *marks, size_t slot, const struct mark *mark)
{
    static const struct mark none;
    if (pwrite(marks->fd, mark ? mark : &none, sizeof *mark, offset_of(slot)) < 0)
        errno = 0;
}

static bool is_set(const struct mark *mark)
{
    static const struct id none;
    return id_compare(&mark->task, &none) != 0;
}

struct mark *marks_read(int fd, size_t *n)
{
    struct mark *marks = malloc(MARKS_MAX * sizeof *marks);
    ssize_t size = marks ? pread(fd, marks, MARKS_MAX * sizeof *marks, offset_of(0)) : -1;
    *n = 0;
    for (size_t i = 0; size > 0 && i < (size_t)size / sizeof *marks; i++)
        if (is_set(&marks[i])) {
            marks[*n] = marks[i];
            marks[(*n)++].what[MARK_WHAT_MAX - 1] = '\0';
        }
    if (*n > 0)
        return marks;
    free(marks);
    return NULL;
}
