/* libmicrohttpd's daemon, and how requests pass through it. */
#ifndef AWAITD_SERVER_HTTP_H
#define AWAITD_SERVER_HTTP_H

#include "server/listen.h"
#include "server/request.h"

struct http;

/* Serves on the listener, which it borrows until http_stop. `server` has its configuration, store
 * and runtime, and lives longer. All signals should be blocked: threads are started. 0, or
 * -ERROR_SYSTEM or -ERROR_NO_MEMORY and *e. [main] */
int http_start(struct http **out, struct server *server, struct listener *listener,
               struct error *e);

/* Takes no new connections, closes the listener, gives the answers that are on their way some time,
 * and ends. The runtime must have answered all that it was asked. False when a request is still
 * parked after all: then the process should just _exit, since libmicrohttpd would abort on it.
 * [main] */
bool http_stop(struct http *http);
/* After http_stop, once no other thread can call back any more: runtime and store are closed.
 * [main] */
void http_free(struct http *http);

#endif
