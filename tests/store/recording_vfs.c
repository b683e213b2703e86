#include "tests/store/recording_vfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/store/syscalls.h"
#include "tests/suites.h"

/* ---- the record ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *folder; /* NULL: nothing is recorded */
static struct recording recorded;

static void add_locked(const struct disk_event *event)
{
    if (recorded.n == recorded.capacity) {
        recorded.capacity = recorded.capacity ? recorded.capacity * 2 : 1024;
        recorded.events = realloc(recorded.events, recorded.capacity * sizeof *recorded.events);
    }
    recorded.events[recorded.n++] = *event;
}

static void add(struct disk_event event, const char *name, const char *to, const void *bytes)
{
    snprintf(event.name, sizeof event.name, "%s", name);
    snprintf(event.to, sizeof event.to, "%s", to ? to : "");
    if (bytes) {
        event.bytes = malloc(event.size ? event.size : 1);
        memcpy(event.bytes, bytes, event.size);
    }
    pthread_mutex_lock(&mutex);
    add_locked(&event);
    pthread_mutex_unlock(&mutex);
}

/* NULL: not recorded. */
static const char *relative(const char *path)
{
    size_t size = folder ? strlen(folder) : 0;
    if (!folder || !path || strncmp(path, folder, size) != 0 || path[size] != '/')
        return NULL;
    return path + size + 1;
}

/* The index of the log is in memory that is shared; no data hang on it. Nor on these two. */
static bool is_data(const char *name)
{
    static const char *const others[] = {"-shm", ".lock", ".reserve"};
    for (size_t i = 0; name && i < sizeof others / sizeof *others; i++) {
        size_t size = strlen(others[i]);
        if (strlen(name) >= size && strcmp(name + strlen(name) - size, others[i]) == 0)
            return false;
    }
    return name != NULL;
}

/* ---- the VFS: the real one's, with a name behind each file ---- */

static sqlite3_vfs *real_vfs, recording_vfs;

struct file_note {
    const sqlite3_io_methods *real;
    sqlite3_io_methods methods;
    char name[32];
};

static struct file_note *note_of(sqlite3_file *file)
{
    return (struct file_note *)((char *)file + ((real_vfs->szOsFile + 15) & ~15));
}

static int note_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    int rc = note_of(file)->real->xWrite(file, bytes, size, at);
    if (rc == SQLITE_OK && folder)
        add((struct disk_event){.op = DISK_WRITE, .at = at, .size = (size_t)size},
            note_of(file)->name, NULL, bytes);
    return rc;
}

static int note_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = note_of(file)->real->xTruncate(file, size);
    if (rc == SQLITE_OK && folder)
        add((struct disk_event){.op = DISK_TRUNCATE, .at = size}, note_of(file)->name, NULL, NULL);
    return rc;
}

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
    (void)vfs;
    const char *name = relative(path);
    int rc = real_vfs->xOpen(real_vfs, path, file, flags, out);
    if (rc != SQLITE_OK || !is_data(name))
        return rc;
    struct file_note *note = note_of(file);
    note->real = file->pMethods;
    note->methods = *file->pMethods;
    note->methods.xWrite = note_write;
    note->methods.xTruncate = note_truncate;
    snprintf(note->name, sizeof note->name, "%s", name);
    file->pMethods = &note->methods;
    return rc;
}

int recording_register(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    recording_vfs = *real_vfs;
    recording_vfs.zName = "recording";
    recording_vfs.szOsFile = ((real_vfs->szOsFile + 15) & ~15) + (int)sizeof(struct file_note);
    recording_vfs.xOpen = open_file;
    return sqlite3_vfs_register(&recording_vfs, 1) != SQLITE_OK;
}

int recording_unregister(void)
{
    return sqlite3_vfs_unregister(&recording_vfs) != SQLITE_OK ||
           sqlite3_vfs_register(real_vfs, 1) != SQLITE_OK;
}

/* ---- what goes past SQLite, and what its VFS does not say: syncs, and names ---- */

static void note_call(void *context, const struct syscall *call)
{
    (void)context;
    bool is_folder = call->path[0] == '\0';
    if (call->kind == CALL_SYNC && is_folder)
        add((struct disk_event){.op = DISK_SYNC_FOLDER}, "", NULL, NULL);
    else if (!is_data(call->path))
        return;
    else if (call->kind == CALL_SYNC)
        add((struct disk_event){.op = DISK_SYNC}, call->path, NULL, NULL);
    else if (call->kind == CALL_DELETE)
        add((struct disk_event){.op = DISK_DELETE}, call->path, NULL, NULL);
    else if (call->kind == CALL_RENAME)
        add((struct disk_event){.op = DISK_RENAME}, call->path, call->to, NULL);
}

/* Before it is there. */
static int note_new_file(void *context, const struct syscall *call)
{
    char path[400];
    (void)context;
    snprintf(path, sizeof path, "%s/%s", folder, call->path);
    if (call->kind == CALL_OPEN && call->creates && is_data(call->path) && access(path, F_OK) != 0)
        add((struct disk_event){.op = DISK_CREATE}, call->path, NULL, NULL);
    return SYSCALL_GO;
}

static const struct syscall_watch watch = {.before = note_new_file, .after = note_call};

/* ---- from beginning to end ---- */

static void add_file(const char *name)
{
    char path[400];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fstat(fileno(file), &status);
    char *bytes = malloc((size_t)status.st_size + 1);
    CU_ASSERT_EQUAL(fread(bytes, 1, (size_t)status.st_size, file), (size_t)status.st_size);
    add((struct disk_event){.op = DISK_CREATE}, name, NULL, NULL);
    add((struct disk_event){.op = DISK_WRITE, .size = (size_t)status.st_size}, name, NULL, bytes);
    add((struct disk_event){.op = DISK_SYNC}, name, NULL, NULL);
    free(bytes);
    fclose(file);
}

void recording_begin(const char *in)
{
    DIR *names = opendir(in);
    folder = in;
    recorded = (struct recording){0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(names);
    for (struct dirent *entry; (entry = readdir(names));)
        if (entry->d_name[0] != '.' && is_data(entry->d_name))
            add_file(entry->d_name);
    closedir(names);
    add((struct disk_event){.op = DISK_SYNC_FOLDER}, "", NULL, NULL);
    syscalls_watch(folder, &watch);
}

void recording_mark(int kind, size_t value)
{
    add((struct disk_event){.op = DISK_MARK, .at = kind, .size = value}, "", NULL, NULL);
}

struct recording recording_end(void)
{
    struct recording out = recorded;
    syscalls_watch(NULL, NULL);
    folder = NULL;
    recorded = (struct recording){0};
    return out;
}

void recording_release(struct recording *recording)
{
    for (size_t i = 0; i < recording->n; i++)
        free(recording->events[i].bytes);
    free(recording->events);
}
