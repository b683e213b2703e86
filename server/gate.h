/* The door: what is refused before any body is read. libmicrohttpd 0.9.75 accepts several forms of
 * request that another reader of the same bytes (a proxy) would cut elsewhere; and a browser lends
 * its user's reach to any web page. Neither gets past here. The predicates are pure. [http] */
#ifndef AWAITD_SERVER_GATE_H
#define AWAITD_SERVER_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "server/request.h"

/* Reads the header fields into request->headers and checks them. True when the request may go on;
 * else it was refused (reply.h): at once if request->must_close, or once its body was read and
 * dropped. */
bool gate_check(struct request *request, const char *version);

/* A header's name, RFC 9110 5.6.2. */
bool gate_is_token(const char *text, size_t size);
/* Whether a Host header (or the authority of a URL) is a loopback name or address, or in the
 * comma-separated list `allowed`, where "*" is any. The port does not matter. */
bool gate_host_is_allowed(const char *host, const char *allowed);
/* Whether an Origin is that of this server, as the client named it in Host. */
bool gate_origin_is_own(const char *origin, const char *host);
/* application/json, or what curl -d says; parameters are allowed. */
bool gate_type_is_json(const char *content_type);

#endif
