#include "tests/store/syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* SQLite's library calls the names with 64 where there are two; ours the others. On this platform
 * both are the same. */
_Static_assert(sizeof(off_t) == 8, "open is open64, and so on");

static struct {
    const char *folder;
    size_t folder_size;
    const struct syscall_watch *watch;
    bool is_quick;
} watching;

void syscalls_watch(const char *folder, const struct syscall_watch *watch)
{
    watching.folder = folder;
    watching.folder_size = folder ? strlen(folder) : 0;
    watching.watch = watch;
}

void syscalls_be_quick(bool is_quick)
{
    watching.is_quick = is_quick;
}

/* ---- what a call is about ---- */

/* Relative to the watched folder; NULL: elsewhere. */
static const char *inside(const char *path)
{
    if (!watching.watch || !path || strncmp(path, watching.folder, watching.folder_size) != 0)
        return NULL;
    path += watching.folder_size;
    if (*path == '\0')
        return path;
    return *path == '/' ? path + 1 : NULL;
}

static bool name_of(int fd, char name[4096])
{
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long size = syscall(SYS_readlinkat, AT_FDCWD, link, name, 4095L);
    if (size < 0)
        return false;
    name[size] = '\0';
    char *deleted = strstr(name, " (deleted)");
    if (deleted)
        *deleted = '\0';
    return true;
}

/* What the test says to a call, and what it is told: errno is as it was for a call that goes on. */
static int ask(const struct syscall *call)
{
    int saved = errno;
    int answer =
        watching.watch->before ? watching.watch->before(watching.watch->context, call) : SYSCALL_GO;
    errno = saved;
    return answer;
}

static void tell(const struct syscall *call)
{
    int saved = errno;
    if (watching.watch->after)
        watching.watch->after(watching.watch->context, call);
    errno = saved;
}

/* A call on a path or, without one, on a descriptor. `run` is what goes to the kernel; it is not
 * made if the test says so. */
struct subject {
    struct syscall call;
    char name[4096];
    bool is_watched;
    int answer;
};

static bool may_go(struct subject *s, enum syscall_kind kind, const char *path, int fd, size_t size,
                   bool creates)
{
    s->is_watched = false;
    s->answer = SYSCALL_GO;
    if (!watching.watch)
        return true;
    int saved = errno;
    if (!path && name_of(fd, s->name))
        path = s->name;
    errno = saved;
    s->call =
        (struct syscall){.kind = kind, .path = inside(path), .size = size, .creates = creates};
    s->is_watched = s->call.path != NULL;
    if (s->is_watched)
        s->answer = ask(&s->call);
    if (s->answer > 0)
        errno = s->answer;
    return s->answer <= 0;
}

static long end(struct subject *s, long rc)
{
    if (s->is_watched && rc >= 0)
        tell(&s->call);
    return rc;
}

/* ---- the calls ---- */

static int open_file(const char *path, int flags, mode_t mode)
{
    struct subject s;
    if (!may_go(&s, CALL_OPEN, path, -1, 0, flags & O_CREAT))
        return -1;
    return (int)end(&s, syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t at)
{
    struct subject s;
    if (!may_go(&s, CALL_READ, NULL, fd, size, false))
        return -1;
    return end(&s, syscall(SYS_pread64, fd, bytes, size, at));
}

ssize_t pread(int fd, void *bytes, size_t size, off_t at)
{
    return pread64(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    struct subject s;
    if (!may_go(&s, CALL_WRITE, NULL, fd, size, false))
        return -1;
    if (s.answer == SYSCALL_SHORT)
        size = (size + 1) / 2;
    return end(&s, syscall(SYS_pwrite64, fd, bytes, size, at));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    return pwrite64(fd, bytes, size, at);
}

static int sync_file(long number, int fd)
{
    struct subject s;
    if (!may_go(&s, CALL_SYNC, NULL, fd, 0, false))
        return -1;
    return (int)end(&s, watching.is_quick ? 0 : syscall(number, fd));
}

int fsync(int fd)
{
    return sync_file(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_file(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t size)
{
    struct subject s;
    if (!may_go(&s, CALL_TRUNCATE, NULL, fd, (size_t)size, false))
        return -1;
    return (int)end(&s, syscall(SYS_ftruncate, fd, size));
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

int fstat64(int fd, struct stat64 *status)
{
    struct subject s;
    if (!may_go(&s, CALL_STAT, NULL, fd, 0, false))
        return -1;
    return (int)end(&s, syscall(SYS_fstat, fd, status));
}

/* Whether a file is there: SQLite asks by both. A failure other than "no" is what may be wished. */
int stat64(const char *path, struct stat64 *status)
{
    struct subject s;
    if (!may_go(&s, CALL_STAT, path, -1, 0, false))
        return -1;
    return (int)end(&s, syscall(SYS_stat, path, status));
}

static int lock_file(long number, int fd, long operation, long argument)
{
    struct subject s;
    if (!may_go(&s, CALL_LOCK, NULL, fd, 0, false))
        return -1;
    return (int)end(&s, syscall(number, fd, operation, argument));
}

int fcntl64(int fd, int operation, ...)
{
    va_list more;
    va_start(more, operation);
    long argument = va_arg(more, long);
    va_end(more);
    if (operation == F_SETLK || operation == F_SETLKW || operation == F_GETLK)
        return lock_file(SYS_fcntl, fd, operation, argument);
    return (int)syscall(SYS_fcntl, fd, operation, argument);
}

int flock(int fd, int operation)
{
    return lock_file(SYS_flock, fd, operation, 0);
}

int unlink(const char *path)
{
    struct subject s;
    if (!may_go(&s, CALL_DELETE, path, -1, 0, false))
        return -1;
    return (int)end(&s, syscall(SYS_unlink, path));
}

int rename(const char *from, const char *to)
{
    struct subject s;
    if (!may_go(&s, CALL_RENAME, from, -1, 0, false))
        return -1;
    s.call.to = inside(to);
    return (int)end(&s, syscall(SYS_rename, from, to));
}

/* Which, unlike all others, returns its error. */
int posix_fallocate(int fd, off_t at, off_t size)
{
    struct subject s;
    if (!may_go(&s, CALL_ALLOCATE, NULL, fd, (size_t)size, false))
        return errno;
    long rc = watching.is_quick ? syscall(SYS_ftruncate, fd, at + size)
                                : syscall(SYS_fallocate, fd, 0, at, size);
    return end(&s, rc) == 0 ? 0 : errno;
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t at)
{
    struct subject s = {.is_watched = false};
    if (fd >= 0 && !may_go(&s, CALL_MAP, NULL, fd, size, false))
        return MAP_FAILED;
    void *mapped = (void *)syscall(SYS_mmap, address, size, protection, flags, fd, at);
    if (mapped != MAP_FAILED)
        end(&s, 0);
    return mapped;
}

/* SQLite's, between one try to get a lock and the next. */
int usleep(useconds_t us)
{
    const struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    return watching.is_quick ? 0 : nanosleep(&time, NULL);
}

/* ---- leaks ---- */

int syscalls_count_open(const char *folder)
{
    DIR *fds = opendir("/proc/self/fd");
    size_t size = strlen(folder);
    int n = 0;
    for (struct dirent *fd; fds && (fd = readdir(fds));) {
        char name[4096];
        n += name_of(atoi(fd->d_name), name) && strncmp(name, folder, size) == 0;
    }
    closedir(fds);
    return n;
}
