#include "server/serve.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/base/reserve.h"
#include "runtime/executor/executor.h"
#include "runtime/host/host_net.h"
#include "runtime/host/host_post.h"
#include "runtime/housekeeper.h"
#include "server/backup.h"
#include "server/callback.h"
#include "server/http.h"
#include "server/services.h"
#include "server/signals.h"

#define GRACE_MS 5000 /* running leaves may go on for so long after SIGTERM */
#define LEAVE_MS 8500 /* and after this all is over: docker kills at 10 s */
#define POST_MS 500   /* for what is still to be posted to exception handlers */
#define ANSWERS_US 200000

/* [writer] */
static void commit_failed(void *context, const char *what)
{
    (void)context;
    log_line(LOG_ERROR,
             "%s: whether the last changes were kept is unknown; exiting, so that the next start "
             "finds out",
             what);
    signals_fail();
}

/* From ready to drained. */
static int run(struct server *server, struct http *http, const struct listener *listener)
{
    printf("listening on %s\n", listener->address);
    fflush(stdout);
    if (signals_wait() == ENDING_FAILED) {
        usleep(ANSWERS_US); /* those who are told "unknown" should hear it */
        _exit(EX_TEMPFAIL);
    }
    log_line(LOG_INFO, "shutting down");
    signals_leave_soon(LEAVE_MS);
    server_refuse(server);
    backups_stop(server->backups);
    runtime_drain(server->runtime, GRACE_MS);
    if (!http_stop(http))
        _exit(EX_OK); /* all is on disk that has to be */
    return 0;
}

/* Exception handlers are URLs that clients name, as those of jobs are. */
static int start_poster(struct poster **poster, const struct services *services, struct error *e)
{
    const struct poster_options options = {.user_agent = "awaitd/" AWAITD_VERSION,
                                           .policy = net_get_policy(services->net)};
    return poster_start(poster, &options, e);
}

int serve(const struct config *config, struct error *e)
{
    struct runtime_options options = {.max_open_tasks = config->max_open_tasks,
                                      .max_result_bytes = config->max_result,
                                      .n_loops = config->loops,
                                      .crash_loop = (unsigned)config->crash_loop,
                                      .quarantine = (unsigned)config->quarantine,
                                      .slow_callback_ns = (int64_t)(config->slow_callback * 1e9)};
    struct services services = {0};
    struct server server = {.config = config, .services = &services};
    struct housekeeper *keeper = NULL;
    struct listener listener;
    struct http *http = NULL;
    int status = services_start(&services, config, e); /* first: it forks */
    if (status < 0) {
        services_stop(&services);
        return status;
    }
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* libcurl's */
    if (!reserve_open()) {
        services_stop(&services);
        return error_set(e, ERROR_NO_MEMORY, "not even the reserve of memory can be had");
    }
    options.services = &services;
    status = listener_open(&listener, config->listen, e);
    if (status == 0)
        status = services_open(&services, config, listener.is_local, e);
    if (status == 0)
        status = start_poster(&options.poster, &services, e);
    if (status == 0 && (status = store_open(&server.store, config->db, e)) == 0) {
        store_on_failure(server.store, commit_failed, NULL);
        if (store_lock(server.store) >= 0) /* no other server while a process of ours is left */
            spawner_keep(services.spawner, store_lock(server.store));
        status = executors_read(services.executors, server.store, e);
        if (status == 0)
            status = runtime_open(&server.runtime, server.store, &options, e);
        if (status == 0)
            status = callback_open(&server, e);
        if (status == 0)
            status = backups_start(&server.backups, server.store, config, e);
        if (status == 0)
            status = housekeeper_start(&keeper, server.store, &config->retention, e);
        if (status == 0 && (status = http_start(&http, &server, &listener, e)) == 0)
            status = run(&server, http, &listener);
        else if (server.runtime)
            runtime_drain(server.runtime, 0);
        housekeeper_stop(keeper);
        backups_stop(server.backups);
        store_close(server.store);
        if (server.runtime)
            runtime_close(server.runtime); /* the store's writer posted to it until now */
        backups_free(server.backups);
        if (http)
            http_free(http); /* and both may have been ringing its bell */
    }
    if (options.poster)
        poster_stop(options.poster, POST_MS);
    bool is_quiet = services_close(&services);
    listener_close(&listener);
    if (!is_quiet && status == 0)
        _exit(EX_OK); /* which ends the spawner as well */
    services_stop(&services);
    return status;
}
