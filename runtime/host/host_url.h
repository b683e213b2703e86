/* URLs as libcurl reads them. [any] */
#ifndef AWAITD_RUNTIME_HOST_URL_H
#define AWAITD_RUNTIME_HOST_URL_H

#include <stdbool.h>

/* Whether requests can be sent to it: http or https, with a host. */
bool url_is_http(const char *url);
/* As it may be shown: without user and password, which are nobody's but the server's. NULL when it
 * cannot be read, or for want of memory; the caller frees. */
char *url_public(const char *url);
/* Whether both have the same scheme, host and port. */
bool url_has_same_origin(const char *a, const char *b);

#endif
