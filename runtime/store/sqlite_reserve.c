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

/* Of the one that is there, whole; 0: none. */
static int64_t size_of(const char *name)
{
    struct stat status;
    bool is_whole = stat(name, &status) == 0 && status.st_blocks * 512 >= status.st_size;
    return is_whole && status.st_size >= RESERVE_LEAST ? status.st_size : 0;
}

static bool allocate(const char *name, int64_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_made = fd >= 0 && posix_fallocate(fd, 0, size) == 0;
    if (fd >= 0)
        close(fd);
    if (!is_made)
        unlink(name);
    return is_made;
}

/* As large as the disk allows, once for the life of the server. What the last one left is kept,
 * unless that disk was much fuller than this one. */
static int64_t make_first(const struct sqlite *s, const char *name)
{
    int64_t kept = size_of(name), most = (free_bytes(s) + kept) / SHARE, size = RESERVE_MOST;
    while (size > most)
        size /= 2;
    if (kept >= size)
        return kept;
    while (size >= RESERVE_LEAST && !allocate(name, size))
        size /= 2; /* there may be a limit on the size of files */
    return size >= RESERVE_LEAST ? size : 0;
}

/* Made again it is as large as before, and not if there is room for nothing else: then it would go
 * the same way at once. */
bool sqlite_make_reserve(struct backend *backend)
{
    struct sqlite *s = (struct sqlite *)backend;
    char *name = name_of(s);
    bool is_made = false;
    if (name && s->reserve_size > 0) {
        is_made = free_bytes(s) >= 2 * s->reserve_size && allocate(name, s->reserve_size);
    } else if (name) {
        s->reserve_size = make_first(s, name);
        is_made = s->reserve_size > 0;
    }
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
    char *name = name_of(s);
    if (name && free_bytes(s) < RESERVE_LEAST) {
        s->reserve_size = size_of(name);
        unlink(name);
    }
    free(name);
}
