/* A connected descriptor, perhaps with TLS on it: reading and writing that never block. For
 * host_net_stream.c. [net: the network thread] */
#ifndef AWAITD_RUNTIME_HOST_NET_CHANNEL_H
#define AWAITD_RUNTIME_HOST_NET_CHANNEL_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "schema/buffer.h"

enum channel_result {
    CHANNEL_DONE,
    CHANNEL_WAITS, /* `events` has what for */
    CHANNEL_EOF,
    CHANNEL_FAILED /* the failure is filled in */
};

/* An exception on its way. */
struct channel_failure {
    const char *type; /* a constant */
    struct buffer message;
    char *details; /* JSON or NULL */
};

/* Begin with {.fd = -1}. */
struct channel {
    int fd;
    SSL *ssl;   /* NULL: none */
    int events; /* of libuv: added to by what waits; the owner forgets them */
    struct channel_failure failure;
};

/* What is trusted: this file of certificates; NULL: the system's. NULL when there is no memory. */
SSL_CTX *channel_trust(const char *trusted);

/* Takes the descriptor. */
void channel_open(struct channel *channel, int fd);
/* From now on there is TLS on it, to whom the certificate must name. */
void channel_secure(struct channel *channel, SSL_CTX *trust, const char *name);
enum channel_result channel_handshake(struct channel *channel);
/* CHANNEL_DONE: *n bytes, at least one. */
enum channel_result channel_read(struct channel *channel, char *bytes, size_t size, size_t *n);
enum channel_result channel_write(struct channel *channel, const char *bytes, size_t size,
                                  size_t *n);
/* There is something to be read that the descriptor does not know of. */
bool channel_has_pending(const struct channel *channel);
/* Nothing more will be written. Not with TLS. */
enum channel_result channel_write_eof(struct channel *channel);
/* Says goodbye, if TLS is asked to; waits for nothing. */
void channel_say_goodbye(struct channel *channel);
/* Closes the descriptor at once, and drops the failure. */
void channel_close(struct channel *channel);

/* OSError(number), or the subclass that Python chooses, without more words. */
void channel_fail_errno(struct channel_failure *failure, int number);
void channel_failure_release(struct channel_failure *failure);

#endif
