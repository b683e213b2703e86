/* The socket that requests come to. [main] */
#ifndef AWAITD_SERVER_LISTEN_H
#define AWAITD_SERVER_LISTEN_H

#include <stdbool.h>

#include "schema/error.h"

struct listener {
    int fd;            /* bound and listening, non-blocking */
    char *path;        /* of a socket in the file system; else NULL */
    char address[128]; /* for people: "http://127.0.0.1:8080" or "unix:/path" */
    bool is_local;     /* only this machine reaches it */
};

/* `text` as --listen has it. 0; or *e and -ERROR_INVALID (not such an address), -ERROR_CONFLICT (in
 * use), -ERROR_SYSTEM. */
int listener_open(struct listener *listener, const char *text, struct error *e);
/* Closes it, and removes the path. */
void listener_close(struct listener *listener);

#endif
