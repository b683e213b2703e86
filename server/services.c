#include "server/services.h"

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

int services_open(struct services *services, const struct config *config, bool is_local,
                  struct error *e)
{
    (void)e;
    services->exec = exec_policy(config, is_local);
    return 0;
}

void services_close(struct services *services)
{
    (void)services;
}
