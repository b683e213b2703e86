/* A conversation over one connection: what the op `stream` asks for, and how far it is. The op
 * makes it [loop]; then it belongs to whoever carries it out, who connects, writes what stands in
 * `out` and hands in what comes: the network thread, or a simulated peer. No socket here. [any, one
 * thread at a time]
 *
 *   CONNECTING ──stream_connected──► TALKING ──all is read──► FLUSHING ──all is written──► OVER
 *       └──────────stream_fail───────────┴───────────────────────┴─────────────────────────►
 */
#ifndef AWAITD_RUNTIME_STREAM_H
#define AWAITD_RUNTIME_STREAM_H

#include "runtime/operation.h"
#include "runtime/stream_reader.h"

/* `writer.write(send)`, perhaps `writer.write_eof()`, then a read. */
struct stream_step {
    char *send; /* owned, or NULL */
    size_t send_size;
    bool writes_eof;
    struct stream_read read; /* owns the separator */
};

enum stream_state { STREAM_CONNECTING, STREAM_TALKING, STREAM_FLUSHING, STREAM_OVER };

struct stream_request {
    struct operation operation; /* its answer is there when the state is OVER */
    char *host;
    int port;
    bool is_tls;
    char *server_hostname; /* whom the certificate must name; NULL: the host */
    bool is_exchange;      /* the result is a list, of one item for each step */
    size_t n_steps;
    struct stream_step *steps;

    enum stream_state state;
    size_t n_read;               /* steps that are through */
    struct stream_reader reader; /* its limits are the maker's */
    struct buffer out;           /* to be written, from n_written on */
    size_t n_written;
    bool wants_eof; /* behind it: shutdown */
    struct buffer result;
};

/* With steps to be filled in by stream_set_step. */
struct stream_request *stream_new(const char *host, int port, size_t n_steps, size_t limit,
                                  size_t max_result);
/* Copies what it is given. */
void stream_set_step(struct stream_request *request, size_t i, const struct stream_step *step);

/* The connection stands (with TLS: and is secure). */
void stream_connected(struct stream_request *request);
void stream_received(struct stream_request *request, const char *bytes, size_t size);
void stream_received_eof(struct stream_request *request);
/* So many bytes of `out` are on their way. */
void stream_wrote(struct stream_request *request, size_t size);
/* It ends with an exception. details: JSON or NULL; taken. */
void stream_fail(struct stream_request *request, const char *type, const char *message,
                 char *details);

static inline size_t stream_n_to_write(const struct stream_request *request)
{
    return request->out.size - request->n_written;
}

/* For the tables that tell them apart. */
static inline struct stream_request *stream_of(struct operation *operation)
{
    return (struct stream_request *)operation;
}

#endif
