/* A VFS of SQLite's that records what is done to the files of a folder: writes, truncations, syncs,
 * new names and deleted ones, in their order, those of our own code too (tests/store/syscalls.h).
 * From a recording disk_image.h makes what a power cut may leave. Any thread writes; recording
 * begins and ends while no store is open. */
#ifndef AWAITD_TESTS_STORE_RECORDING_VFS_H
#define AWAITD_TESTS_STORE_RECORDING_VFS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum disk_op {
    DISK_CREATE, /* name is a new, empty file */
    DISK_WRITE,
    DISK_TRUNCATE, /* `at` is the new size */
    DISK_SYNC,
    DISK_DELETE,
    DISK_RENAME,      /* to `to` */
    DISK_SYNC_FOLDER, /* the names are safe then */
    DISK_MARK         /* not the disk's: the test's own note, of kind `at` and with `size` */
};

struct disk_event {
    enum disk_op op;
    char name[32], to[32]; /* relative to the folder */
    int64_t at;
    size_t size;
    char *bytes; /* of a WRITE */
};

struct recording {
    struct disk_event *events;
    size_t n, capacity;
};

/* Before and after the tests of a suite: makes it SQLite's default, and undoes that. 0 if done. */
int recording_register(void);
int recording_unregister(void);

/* What is in the folder at the beginning counts as safe on the disk, and becomes part of the
 * recording. `folder` is borrowed until the end; its path is absolute, without symbolic links. */
void recording_begin(const char *folder);
void recording_mark(int kind, size_t value); /* [any] */
/* The caller releases it. */
struct recording recording_end(void);
void recording_release(struct recording *recording);

#endif
