#include "server/backup.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "server/config.h"

#define FOLDER "backups" /* beside the database, where no other one is named */

struct backups {
    struct store *store;
    char *folder;
    pthread_t thread;
    bool has_thread;
    sem_t wake;
    atomic_bool is_stopping;
    _Atomic(struct backup *) asked; /* from backups_ask until it is made */
};

/* ---- the thread ---- */

/* The time is in it, to the millisecond, so that two seldom have the same. */
static void make_name(char name[64])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(name, 64, "awaitd-%Y%m%dT%H%M%S", &utc);
    snprintf(name + size, 64 - size, ".%03ldZ.db", now.tv_nsec / 1000000);
}

static void make(struct backups *backups, struct backup *backup)
{
    char name[64];
    int64_t began_ns = clock_now_ns();
    make_name(name);
    backup->copy.folder = backups->folder;
    backup->copy.is_stopped = &backups->is_stopping;
    backup->copy.name = backup->name ? backup->name : name;
    int status = store_backup(backups->store, &backup->copy, &backup->error);
    backup->took_us = (clock_now_ns() - began_ns) / 1000;
    if (status == 0)
        log_line(LOG_INFO, "backup: %s, %lld bytes", backup->copy.path,
                 (long long)backup->copy.n_bytes);
    else
        log_line(LOG_WARNING, "backup: %s", backup->error.text);
    atomic_store(&backups->asked, NULL);
    backup->done(backup, status);
}

static void *run(void *context)
{
    struct backups *backups = context;
    for (;;) {
        while (sem_wait(&backups->wake) != 0)
            ;
        struct backup *backup = atomic_load(&backups->asked);
        if (backup)
            make(backups, backup);
        if (atomic_load(&backups->is_stopping))
            return NULL;
    }
}

/* ---- asking ---- */

bool backups_ask(struct backups *backups, struct backup *backup)
{
    struct backup *none = NULL;
    if (!atomic_compare_exchange_strong(&backups->asked, &none, backup))
        return false;
    sem_post(&backups->wake);
    return true;
}

/* ---- life ---- */

/* --backup-dir, or a folder beside the database. NULL when out of memory. */
static char *choose_folder(const struct config *config)
{
    const char *slash = strrchr(config->db, '/');
    char *folder;
    if (config->backup_dir)
        return strdup(config->backup_dir);
    int size = slash ? (int)(slash - config->db) + 1 : 0;
    return asprintf(&folder, "%.*s" FOLDER, size, config->db) < 0 ? NULL : folder;
}

/* Signals are for the main thread. */
static int start_thread(struct backups *backups)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&backups->thread, NULL, run, backups);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    backups->has_thread = failure == 0;
    if (failure == 0)
        pthread_setname_np(backups->thread, "awaitd-backup");
    return failure;
}

int backups_start(struct backups **out, struct store *store, const struct config *config,
                  struct error *e)
{
    struct backups *backups = calloc(1, sizeof(*backups));
    if (!backups || !(backups->folder = choose_folder(config))) {
        free(backups);
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    }
    backups->store = store;
    sem_init(&backups->wake, 0, 0);
    int failure = start_thread(backups);
    if (failure) {
        backups_free(backups);
        return error_set(e, ERROR_SYSTEM, "no thread for backups: %s", strerror(failure));
    }
    *out = backups;
    return 0;
}

void backups_stop(struct backups *backups)
{
    if (!backups || !backups->has_thread)
        return;
    atomic_store(&backups->is_stopping, true);
    sem_post(&backups->wake);
    pthread_join(backups->thread, NULL);
    backups->has_thread = false;
}

void backups_free(struct backups *backups)
{
    if (!backups)
        return;
    backups_stop(backups);
    sem_destroy(&backups->wake);
    free(backups->folder);
    free(backups);
}
