#include "server/services.h"

#include <unistd.h>

#include "runtime/executor/executor.h"
#include "runtime/executor/function.h"
#include "runtime/host/host_net.h"
#include "runtime/executor/plugin.h"
#include "runtime/executor/worker_main.h"

#define FUNCTIONS_MS 800 /* for functions that see that they are cancelled, or are killed */

/* Who cannot run programs on this machine himself must be given the right to. */
static struct exec_policy exec_policy(const struct config *config, bool is_local)
{
    const char *patterns = config->allow_exec ? config->allow_exec : is_local ? "*" : "";
    if (!config->allow_exec && is_local)
        log_line(LOG_INFO, "jobs may run any program, as only this machine reaches the server; "
                           "--allow-exec limits them");
    else if (!*patterns)
        log_line(LOG_INFO, "jobs may run no programs; --allow-exec PATTERN lets them");
    else
        log_line(LOG_INFO, "jobs may run programs: %s", patterns);
    return (struct exec_policy){patterns};
}

/* The program itself, also when its file was replaced since: the spawner is it, too. */
static void describe_workers(struct services *services, const struct config *config)
{
    services->worker_argv[0] = "/proc/self/exe";
    services->worker_argv[1] = WORKER_COMMAND;
    services->worker_argv[2] = config->plugins;
    services->workers = (struct worker_command){.spawner = services->spawner,
                                                .argv = services->worker_argv,
                                                .env = (const char *const *)environ};
}

int services_start(struct services *services, const struct config *config, struct error *e)
{
    int status = spawner_start(&services->spawner, e);
    if (status < 0)
        return status;
    describe_workers(services, config);
    services->functions = functions_new(e);
    if (!services->functions)
        return -(int)e->code;
    return config->plugins ? plugins_open(&services->plugins, config->plugins, PLUGIN_PATIENCE_MS,
                                          services->functions, e)
                           : 0;
}

/* Who reaches private networks himself may have jobs reach them; others need the right to. */
static int open_net(struct services *services, const struct config *config, bool is_local,
                    struct error *e)
{
    struct net_options options = {.user_agent = "awaitd/" AWAITD_VERSION};
    int status = net_policy_init(&options.policy, is_local, config->allow_net, e);
    if (status < 0) {
        net_policy_release(&options.policy);
        return status;
    }
    if (!is_local)
        log_line(LOG_INFO, "jobs may connect to public addresses%s%s",
                 *config->allow_net ? " and " : " only; --allow-net RANGE lets them reach others",
                 config->allow_net);
    status = net_start(&services->net, &options, e);
    if (status == 0)
        services->backends[OPERATION_FETCH] = services->backends[OPERATION_TALK] =
            net_backend(services->net);
    return status;
}

static int open_functions(struct services *services, struct error *e)
{
    services->executors = executors_open(&services->workers, e);
    if (!services->executors)
        return -(int)e->code;
    services->backends[OPERATION_CALL] = executors_backend(services->executors);
    return 0;
}

int services_open(struct services *services, const struct config *config, bool is_local,
                  struct error *e)
{
    services->exec = exec_policy(config, is_local);
    int status = open_functions(services, e);
    return status == 0 ? open_net(services, config, is_local, e) : status;
}

bool services_close(struct services *services)
{
    if (services->net)
        net_stop(services->net);
    bool is_quiet = !services->executors || executors_close(services->executors, FUNCTIONS_MS);
    services->executors = NULL;
    if (!is_quiet) {
        services->functions = NULL; /* which they are */
        services->plugins = NULL;
        log_line(LOG_WARNING, "functions that do not look whether they are cancelled are still "
                              "running, and end now");
    }
    return is_quiet;
}

void services_stop(struct services *services)
{
    functions_free(services->functions);
    plugins_close(services->plugins);
    spawner_stop(services->spawner);
}
