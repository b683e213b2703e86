#include "server/services.h"

#include "runtime/host_net.h"

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

int services_open(struct services *services, const struct config *config, bool is_local,
                  struct error *e)
{
    services->exec = exec_policy(config, is_local);
    return open_net(services, config, is_local, e);
}

void services_close(struct services *services)
{
    if (services->net)
        net_stop(services->net);
}
