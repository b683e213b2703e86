#include "runtime/spawner/spawner_sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/memory.h"

void sweep_init(struct sweep *sweep)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    *sweep = (struct sweep){.list = open(path, O_RDONLY | O_CLOEXEC)};
}

void sweep_release(struct sweep *sweep)
{
    if (sweep->list >= 0)
        close(sweep->list);
    free(sweep->text);
}

static size_t end_child(pid_t pid, bool (*is_known)(void *context, pid_t pid), void *context)
{
    if (pid <= 1 || is_known(context, pid))
        return 0;
    kill(-pid, SIGKILL); /* as a whole, so that none of them can fork once more meanwhile */
    kill(pid, SIGKILL);
    return 1;
}

/* The whole list into text, NUL-terminated. */
static void read_list(struct sweep *sweep)
{
    size_t size = 0;
    for (;;) {
        if (sweep->capacity - size < 4096) {
            sweep->capacity = sweep->capacity * 2 + 4096;
            sweep->text = memory_resize(sweep->text, sweep->capacity);
        }
        ssize_t n = pread(sweep->list, sweep->text + size, sweep->capacity - size - 1, (off_t)size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        size += (size_t)n;
    }
    sweep->text[size] = '\0';
}

/* The parent of a process; 0 when it is gone. */
static pid_t parent_of(const char *pid)
{
    char path[32], text[256];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    text[size > 0 ? size : 0] = '\0';
    const char *name_end = strrchr(text, ')'); /* its name may have brackets and spaces */
    return name_end && sscanf(name_end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* Where the kernel keeps no list of children. */
static size_t sweep_all(bool (*is_known)(void *context, pid_t pid), void *context)
{
    size_t n = 0;
    DIR *processes = opendir("/proc");
    pid_t self = getpid();
    struct dirent *entry;
    while (processes && (entry = readdir(processes)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == self)
            n += end_child(atoi(entry->d_name), is_known, context);
    if (processes)
        closedir(processes);
    return n;
}

size_t sweep_children(struct sweep *sweep, bool (*is_known)(void *context, pid_t pid),
                      void *context)
{
    size_t n = 0;
    if (sweep->list < 0)
        return sweep_all(is_known, context);
    read_list(sweep);
    for (char *at = sweep->text, *end; *at; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        n += end_child((pid_t)pid, is_known, context);
        end += strspn(end, " ");
    }
    return n;
}
