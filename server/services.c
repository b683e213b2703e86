#include "server/services.h"

#include "runtime/executor.h"
#include "runtime/function.h"

#define FUNCTIONS_MS 200 /* for functions that see that they are cancelled */

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
    *services = (struct services){.exec = exec_policy(config, is_local)};
    services->functions = functions_new(e);
    services->executors = services->functions ? executors_open(e) : NULL;
    if (!services->executors)
        return -(int)e->code;
    services->backends[OPERATION_CALL] = executors_backend(services->executors);
    return 0;
}

bool services_close(struct services *services)
{
    bool is_quiet = !services->executors || executors_close(services->executors, FUNCTIONS_MS);
    if (is_quiet)
        functions_free(services->functions);
    else
        log_line(LOG_WARNING, "functions that do not look whether they are cancelled are still "
                              "running, and end now");
    return is_quiet;
}
