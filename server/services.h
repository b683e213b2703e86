/* Makes what jobs share (runtime/services.h) as the configuration says. [main] */
#ifndef AWAITD_SERVER_SERVICES_H
#define AWAITD_SERVER_SERVICES_H

#include "runtime/services.h"
#include "server/config.h"

/* The spawner, and what is built in or comes as a plugin: before there are threads, and before much
 * is open or mapped, as it forks. 0 or -code and *e; then services_stop all the same. */
int services_start(struct services *services, const struct config *config, struct error *e);
void services_stop(struct services *services); /* after services_close */

/* is_local: only this machine reaches the server, so that who may ask anything of it could do it
 * himself. Says in the log what jobs may do. Borrows config until services_close. 0 or -code and
 * *e. After services_start. */
int services_open(struct services *services, const struct config *config, bool is_local,
                  struct error *e);
/* After the runtime was closed. False: something is still running that cannot be stopped, and the
 * process should leave by _exit. */
bool services_close(struct services *services);

#endif
