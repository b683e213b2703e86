/* The thread that copies the database, so that nobody else has to wait for it: one copy at a time.
 */
#ifndef AWAITD_SERVER_BACKUP_H
#define AWAITD_SERVER_BACKUP_H

#include "runtime/store/store.h"

struct backups;
struct config;

/* 0 or -code and *e; the thread sleeps until it is asked. [main] */
int backups_start(struct backups **out, struct store *store, const struct config *config,
                  struct error *e);
/* Cuts a copy off that is being made, and ends the thread: its done is called. NULL is fine.
 * [main; nobody asks any more] */
void backups_stop(struct backups *backups);
void backups_free(struct backups *backups); /* after that, or instead of it; NULL is fine. [main] */

/* Borrowed until done, with its name. */
struct backup {
    const char *name; /* the file's; NULL: one that has the time in it */
    void *context;
    void (*done)(struct backup *backup, int status); /* on the thread; an error is in `error` */
    struct store_backup copy;                        /* filled in */
    int64_t took_us;
    struct error error;
};

/* False: one is being made already, and done is not called. [http] */
bool backups_ask(struct backups *backups, struct backup *backup);

#endif
