/* Reads the configuration, wires the parts, runs, drains. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "server/http.h"
#include "server/signals.h"

extern char **environ;

#define GRACE_MS 5000 /* what runs may go on for so long after SIGTERM */
#define LEAVE_MS 8500 /* and after this all is over: docker kills at 10 s */
#define ANSWERS_US 200000

static int exit_status(enum error_code code)
{
    switch (code) {
    case ERROR_INVALID:
        return EX_USAGE;
    case ERROR_CONFLICT:
        return EX_UNAVAILABLE;
    case ERROR_STORE_LOCKED:
        return EX_CANTCREAT;
    case ERROR_STORE_FOREIGN:
    case ERROR_STORE_NEWER:
        return EX_CONFIG;
    case ERROR_STORE_FULL:
        return EX_IOERR;
    case ERROR_STORE_UNKNOWN:
        return EX_TEMPFAIL;
    default:
        return EX_OSERR;
    }
}

/* One line, whatever was quoted in it. */
static int refuse(const struct error *e, int status)
{
    fputs("awaitd: ", stderr);
    for (const char *c = e->text; *c; c++)
        fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, stderr);
    fputc('\n', stderr);
    return status;
}

/* [writer] */
static void commit_failed(void *context, const char *what)
{
    (void)context;
    log_line(LOG_ERROR,
             "%s: whether the last changes were kept is unknown; exiting, so that the next "
             "start finds out",
             what);
    signals_fail();
}

static int run(struct server *server, struct http *http, const struct listener *listener)
{
    if (!listener->is_local)
        log_line(LOG_WARNING,
                 "%s is open to other machines, and no token is asked for: whoever "
                 "reaches it can run commands here",
                 listener->address);
    printf("listening on %s\n", listener->address);
    fflush(stdout);
    if (signals_wait() == ENDING_FAILED) {
        usleep(ANSWERS_US); /* those who were told "unknown" should hear it */
        _exit(EX_TEMPFAIL);
    }
    log_line(LOG_INFO, "shutting down");
    server_refuse(server);
    signals_leave_soon(LEAVE_MS);
    runtime_drain(server->runtime, GRACE_MS);
    if (!http_stop(http))
        _exit(EX_OK);
    return 0;
}

static int serve(const struct config *config, struct error *e)
{
    struct server server = {.config = config};
    struct listener listener;
    struct http *http;
    const struct runtime_options options = {config->max_open_tasks, config->max_result};
    int status = listener_open(&listener, config->listen, e);
    if (status != 0)
        return status;
    if ((status = store_open(&server.store, config->db, e)) == 0) {
        store_on_failure(server.store, commit_failed, NULL);
        if ((status = runtime_open(&server.runtime, server.store, &options, e)) == 0) {
            if ((status = http_start(&http, &server, &listener, e)) == 0)
                status = run(&server, http, &listener);
            else
                runtime_drain(server.runtime, 0);
        }
        store_close(server.store);
        if (server.runtime)
            runtime_close(server.runtime); /* its writer posted to it until now */
    }
    listener_close(&listener);
    return status;
}

int main(int argc, char **argv)
{
    struct config config;
    struct error e;
    struct buffer help = {0};
    signals_prepare();
    int status = config_read(&config, argc, argv, environ, &e);
    if (status != 0)
        status = refuse(&e, e.code == ERROR_SYSTEM ? EX_NOINPUT : EX_USAGE);
    else if (config.wants_help || config.wants_version) {
        config_help(&help);
        fputs(config.wants_help && help.bytes ? help.bytes : "awaitd " AWAITD_VERSION "\n", stdout);
    } else {
        log_configure(config.log_format, config.log_level);
        if (serve(&config, &e) != 0)
            status = refuse(&e, exit_status(e.code));
    }
    buffer_release(&help);
    config_release(&config);
    return status;
}
