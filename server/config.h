/* What the operator decides: one table (config.c) of options drives the command line, the
 * environment (AWAITD_*), `--config FILE` and --help. A flag wins over the environment, that over
 * the file, that over the default. Read once by main, before any thread starts; read-only after.
 * [main] */
#ifndef AWAITD_SERVER_CONFIG_H
#define AWAITD_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/log.h"
#include "runtime/retention.h"
#include "schema/buffer.h"
#include "schema/error.h"

#define AWAITD_VERSION "0.1.0"

struct config {
    char *listen;                /* as given: host:port, [v6]:port or unix:/path */
    char *db;                    /* a path, or ":memory:" */
    char *backup_dir;            /* a folder; NULL: backups/ beside the database */
    char *file;                  /* --config; NULL: none */
    char *plugins;               /* --plugins, a folder; NULL: none */
    char *allow_hosts;           /* host names, comma-separated; "*" for any; "" for none */
    char *allow_net;             /* ranges of addresses, comma-separated; "" for none */
    char *allow_exec;            /* patterns, comma-separated; NULL: not said */
    size_t max_body, max_result; /* bytes */
    size_t max_open_tasks;
    size_t loops;
    size_t crash_loop;    /* starts after crashes; 0: off */
    size_t quarantine;    /* crashes in a row; 0: off */
    double slow_callback; /* seconds; 0: off */
    struct retention retention;
    enum log_format log_format;
    enum log_level log_level;
    bool wants_help, wants_version;
};

/* Fills *config from the words of the command line (argv[0] is the program), `environment` (as
 * environ) and the file that they name. 0; or -ERROR_INVALID and *e with one line for the user,
 * -ERROR_SYSTEM when the file cannot be read. The caller releases *config in any case. */
int config_read(struct config *config, int argc, char *const *argv, char *const *environment,
                struct error *e);
void config_release(struct config *config);

/* The text of --help. */
void config_help(struct buffer *out);

/* "64MiB", "1GiB", "10k"… or plain bytes; at least 1. False when it is no such size. */
bool config_parse_size(const char *text, size_t *out);

#endif
