/* How the process refuses to start: one clear line on standard error, and an exit status of
 * sysexits.h. [main] */
#ifndef AWAITD_SERVER_REFUSE_H
#define AWAITD_SERVER_REFUSE_H

#include "schema/error.h"

/* Says why, on one line whatever was quoted in it. The exit status for it. */
int refuse(const struct error *e);

#endif
