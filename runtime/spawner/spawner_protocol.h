/* What goes through a channel of the spawner: packets (SOCK_SEQPACKET), each a header and what it
 * counts. A packet that would be too large for the socket travels as a file in memory, whose
 * descriptor is the packet's last. Both ends are the same program, so numbers stay as they are in
 * memory. Pure but for the sending and receiving. [any] */
#ifndef AWAITD_RUNTIME_SPAWNER_PROTOCOL_H
#define AWAITD_RUNTIME_SPAWNER_PROTOCOL_H

#include "runtime/spawner/spawner.h"

enum packet_verb {
    PACKET_CHANNEL, /* with a descriptor: a new channel. On the spawner's own socket only */
    PACKET_KEEP,    /* with a descriptor that is to be open for as long as the spawner lives. There,
                       too */
    PACKET_START,
    PACKET_SIGNAL,
    PACKET_REPORTS, /* from the spawner */
};

#define PACKET_FDS 5             /* of a child, and the file in memory */
#define PACKET_INLINE (48 << 10) /* larger ones travel as files */
#define PACKET_MOST (16 << 20)   /* and none is larger than this */

struct packet_header {
    uint32_t verb;
    uint32_t size; /* of what follows */
    uint64_t id;
    union {
        int32_t signal;
        struct {
            struct process_limits limits;
            uint32_t n_argv, n_env; /* the texts that follow, each with its NUL; then cwd, if any */
            uint8_t has_cwd, tells_start, has_fd[4];
            uint8_t is_file; /* what follows is in the last descriptor */
        } start;
        uint32_t n_reports;
    };
};

/* A packet as it came. Owns its descriptors until packet_release, or until they were taken (set to
 * -1), and the text. */
struct packet {
    struct packet_header header;
    char *text; /* header.size bytes, and a NUL */
    int fds[PACKET_FDS];
    size_t n_fds;
    int error; /* it came, but not whole: EMFILE (descriptors are lost), ENOMEM */
    char inline_text[PACKET_INLINE + 1];
};

/* 0 or -errno: -EAGAIN when the socket is full, -EPIPE when nobody is there. */
int packet_send(int socket, const struct packet_header *header, const void *text, const int *fds,
                size_t n_fds);
int packet_send_start(int socket, const struct spawn_request *request);
/* 1; 0 when the other end is gone; -EAGAIN; -EPROTO for what no one of ours sends. */
int packet_receive(int socket, struct packet *packet);
void packet_release(struct packet *packet);

/* A PACKET_START as a request, whose texts are borrowed from the packet. argv and env are one block
 * that the caller frees by free(argv). 0 or -errno. */
int packet_read_start(struct packet *packet, struct spawn_request *request);

#endif
