/* The SQLite backend: room on the disk that is kept for what runs. A file beside the database holds
 * it, awaitd.db.reserve; when the disk is full that goes, and what runs can write its results. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/store/sqlite.h"

#define RESERVE_MOST ((int64_t)16 << 20) /* twice what the log grows to between two checkpoints */
#define RESERVE_LEAST ((int64_t)256 << 10)
#define SHARE 4 /* of a small disk it takes no more than a part of what is free */

static char *name_of(const struct sqlite *s)
{
    char *name;
    return asprintf(&name, "%s.reserve", s->path) < 0 ? NULL : name;
}

/* For whoever is not root. */
static int64_t free_bytes(const struct sqlite *s)
{
    struct statvfs disk;
    if (statvfs(s->path, &disk) != 0)
        return 0;
    return (int64_t)(disk.f_bavail * disk.f_frsize);
}

/* Is it there from before, whole? */
static bool is_kept(const char *name)
{
    struct stat status;
    return stat(name, &status) == 0 && status.st_size >= RESERVE_LEAST &&
           status.st_blocks * 512 >= status.st_size;
}

static bool allocate(const char *name, int64_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool is_made = fd >= 0 && posix_fallocate(fd, 0, size) == 0;
    if (fd >= 0)
        close(fd);
    if (!is_made)
        unlink(name);
    return is_made;
}

/* Room for it alone would not do: it would be needed again at once. */
bool sqlite_make_reserve(struct backend *backend)
{
    struct sqlite *s = (struct sqlite *)backend;
    char *name = name_of(s);
    bool is_made = name && is_kept(name);
    int64_t size = RESERVE_MOST, most = free_bytes(s) / SHARE;
    while (size > most && size > RESERVE_LEAST)
        size /= 2;
    for (; name && !is_made && size <= most && size >= RESERVE_LEAST; size /= 2)
        is_made = allocate(name, size); /* there may be a limit on the size of files */
    free(name);
    return is_made;
}

bool sqlite_give_up_reserve(struct backend *backend)
{
    char *name = name_of((struct sqlite *)backend);
    bool is_given_up = name && unlink(name) == 0;
    free(name);
    return is_given_up;
}

void sqlite_relieve(struct sqlite *s)
{
    if (free_bytes(s) < RESERVE_LEAST)
        sqlite_give_up_reserve(&s->base);
}
