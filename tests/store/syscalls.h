/* Between the store (SQLite too) and the kernel: the calls that touch files are the test program's
 * own, and go on to the kernel. While a folder is watched, a test hears of each call on a file in
 * it (or on the folder), and may have it fail. Any thread makes them; watching begins and ends
 * while no other thread does. */
#ifndef AWAITD_TESTS_STORE_SYSCALLS_H
#define AWAITD_TESTS_STORE_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>

enum syscall_kind {
    CALL_OPEN,
    CALL_READ,
    CALL_WRITE,
    CALL_SYNC,
    CALL_TRUNCATE,
    CALL_STAT,
    CALL_LOCK,
    CALL_DELETE,
    CALL_RENAME,
    CALL_ALLOCATE,
    CALL_MAP,
    N_CALLS
};

struct syscall {
    enum syscall_kind kind;
    const char *path; /* relative to the folder; "" is the folder itself */
    const char *to;   /* RENAME: the same of the new name */
    bool creates;     /* OPEN with O_CREAT */
    size_t size;      /* READ, WRITE */
};

/* Of `before`: go on; or write only half of it; or an errno to fail with. */
#define SYSCALL_GO 0
#define SYSCALL_SHORT (-1)

struct syscall_watch {
    int (*before)(void *context, const struct syscall *call); /* may be NULL */
    void (*after)(void *context, const struct syscall *call); /* it succeeded; may be NULL */
    void *context;
};

/* Both borrowed until the next call of it; NULL: nothing is watched. The folder is an absolute path
 * without symbolic links. */
void syscalls_watch(const char *folder, const struct syscall_watch *watch);

/* Syncs do nothing, and files are allocated without room: for speed, where nobody pulls the plug.
 */
void syscalls_be_quick(bool is_quick);

/* Descriptors of files in the folder that are open now, in the whole process. */
int syscalls_count_open(const char *folder);

#endif
