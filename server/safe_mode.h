/* Safe mode, as clients see it (runtime.h says what it is): what needs jobs that run is refused,
 * with the reason. [http] */
#ifndef AWAITD_SERVER_SAFE_MODE_H
#define AWAITD_SERVER_SAFE_MODE_H

#include "server/request.h"

#define SAFE_MODE_RETRY_AFTER "60" /* seconds: somebody has to look first */

bool safe_mode_is_on(const struct server *server);
/* Answers 503 with the reason. */
void safe_mode_refuse(struct request *request);
/* Whether the request's route may go on; if not, it is refused. */
bool safe_mode_check(struct request *request);

#endif
