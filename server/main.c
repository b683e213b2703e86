/* Reads the configuration, and serves; or checks a database; or is a worker process of a server. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/executor/worker_main.h"
#include "runtime/host/host_memory.h"
#include "schema/json_load.h"
#include "server/check_command.h"
#include "server/refuse.h"
#include "server/serve.h"
#include "server/signals.h"

int main(int argc, char **argv)
{
    json_load_prepare();
    host_memory_for_openssl();
    if (argc > 1 && strcmp(argv[1], WORKER_COMMAND) == 0)
        return worker_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], CHECK_COMMAND) == 0)
        return check_main(argc, argv);
    struct config config;
    struct error e;
    struct buffer help = {0};
    host_memory_for_uv();
    signals_prepare();
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* what we inherited is not for the jobs' processes */
    int status = config_read(&config, argc, argv, environ, &e);
    if (status == 0 && config.wants_help) {
        config_help(&help);
        fputs(help.bytes ? help.bytes : "", stdout);
        buffer_release(&help);
    } else if (status == 0 && config.wants_version)
        printf("awaitd %s\n", AWAITD_VERSION);
    else if (status == 0) {
        log_configure(config.log_format, config.log_level);
        status = serve(&config, &e);
    }
    config_release(&config);
    return status == 0 ? EX_OK : refuse(&e);
}
