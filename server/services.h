/* Makes what jobs share (runtime/services.h) as the configuration says. [main] */
#ifndef AWAITD_SERVER_SERVICES_H
#define AWAITD_SERVER_SERVICES_H

#include "runtime/services.h"
#include "server/config.h"

/* is_local: only this machine reaches the server, so that who may ask anything of it could do it
 * himself. Says in the log what jobs may do. Borrows config until services_close. 0 or -code and
 * *e. */
int services_open(struct services *services, const struct config *config, bool is_local,
                  struct error *e);
/* After the runtime was closed. */
void services_close(struct services *services);

#endif
