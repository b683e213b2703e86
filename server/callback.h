/* Signed URLs with which somebody who knows nothing else may set one future of one task: the token
 * names both, and carries a signature that only this server can make (HMAC-SHA256 with a secret of
 * its own, which is kept in its store, and never shown). They expire with the task. */
#ifndef AWAITD_SERVER_CALLBACK_H
#define AWAITD_SERVER_CALLBACK_H

#include "server/request.h"

/* Reads the secret into the server, or makes one at the first start. The store is open. 0 or -code
 * and *e. [main] */
int callback_open(struct server *server, struct error *e);

/* Appends the URL's path, "/v1/callbacks/…", as a JSON string. [http] */
void callback_write(struct buffer *out, const struct server *server, const struct id *task,
                    const char *name);

/* The future that a good token is for: the id, and the name, which the caller frees. False when it
 * is none of this server's, or there is no memory to find out. [http] */
bool callback_read(const struct server *server, const char *token, struct id *task, char **name);

#endif
