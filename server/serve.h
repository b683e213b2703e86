/* The server, from the first process that it starts to its drain. [main] */
#ifndef AWAITD_SERVER_SERVE_H
#define AWAITD_SERVER_SERVE_H

#include "schema/error.h"
#include "server/config.h"

/* Wires the parts, says that it listens, and returns when it was told to end and has drained: 0; or
 * -code and *e when it could not start. May leave by _exit. */
int serve(const struct config *config, struct error *e);

#endif
