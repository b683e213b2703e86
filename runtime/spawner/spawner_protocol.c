#include "runtime/spawner/spawner_protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- packets ---- */

int packet_send(int socket, const struct packet_header *header, const void *text, const int *fds,
                size_t n_fds)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(PACKET_FDS * sizeof(int))];
    } control;
    struct iovec parts[2] = {{(void *)header, sizeof *header}, {(void *)text, header->size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = text ? 2 : 1};
    ssize_t sent;
    if (n_fds) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
    }
    while ((sent = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    if (sent >= 0)
        return 0;
    return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
}

static void take_descriptors(struct packet *packet, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            packet->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(packet->fds, CMSG_DATA(c), packet->n_fds * sizeof(int));
        }
    if (message->msg_flags & MSG_CTRUNC)
        packet->error = EMFILE;
}

/* The text that came as a file, which is the last descriptor. */
static void read_file(struct packet *packet)
{
    size_t size = packet->header.size, at = 0;
    int file = packet->fds[--packet->n_fds];
    char *text = malloc(size + 1);
    if (!text)
        packet->error = ENOMEM;
    while (!packet->error && at < size) {
        ssize_t n = pread(file, text + at, size - at, (off_t)at);
        if (n > 0)
            at += (size_t)n;
        else if (n == 0 || errno != EINTR)
            packet->error = EPROTO;
    }
    close(file);
    if (text)
        text[size] = '\0';
    packet->text = text ? text : packet->inline_text;
}

int packet_receive(int socket, struct packet *packet)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(PACKET_FDS * sizeof(int))];
    } control;
    struct iovec parts[2] = {{&packet->header, sizeof packet->header},
                             {packet->inline_text, PACKET_INLINE}};
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t size;
    while ((size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    packet->n_fds = 0;
    packet->error = 0;
    packet->text = packet->inline_text;
    if (size <= 0)
        return size == 0 || errno == ECONNRESET ? 0 : -errno;
    take_descriptors(packet, &message);
    size_t rest = (size_t)size - sizeof packet->header;
    const struct packet_header *header = &packet->header;
    bool is_file = header->verb == PACKET_START && header->start.is_file;
    if ((size_t)size < sizeof *header || message.msg_flags & MSG_TRUNC ||
        header->size > PACKET_MOST || (!is_file && rest != header->size)) {
        packet_release(packet);
        return -EPROTO;
    }
    packet->inline_text[rest] = '\0';
    if (is_file && !packet->error)
        read_file(packet);
    return 1;
}

void packet_release(struct packet *packet)
{
    for (size_t i = 0; i < packet->n_fds; i++)
        if (packet->fds[i] >= 0)
            close(packet->fds[i]);
    packet->n_fds = 0;
    if (packet->text != packet->inline_text)
        free(packet->text);
    packet->text = packet->inline_text;
}

/* ---- a start ---- */

static size_t texts_size(const char *const *texts, uint32_t *n)
{
    size_t size = 0;
    for (*n = 0; texts[*n]; ++*n)
        size += strlen(texts[*n]) + 1;
    return size;
}

static char *put_texts(char *to, const char *const *texts)
{
    for (; *texts; texts++)
        to = stpcpy(to, *texts) + 1;
    return to;
}

static void write_start(const struct spawn_request *request, char *to)
{
    to = put_texts(put_texts(to, request->argv), request->env);
    if (request->cwd)
        strcpy(to, request->cwd);
}

/* A file in memory of that size, and where it is mapped. -errno or the descriptor. */
static int make_file(size_t size, char **mapped)
{
    int file = memfd_create("start", MFD_CLOEXEC);
    if (file < 0)
        return -errno;
    if (ftruncate(file, (off_t)size) == 0) {
        *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (*mapped != MAP_FAILED)
            return file;
    }
    int error = errno;
    close(file);
    return -error;
}

static int send_as_file(int socket, struct packet_header *header,
                        const struct spawn_request *request, int *fds, size_t n_fds)
{
    char *mapped;
    int file = make_file(header->size, &mapped);
    if (file < 0)
        return file;
    write_start(request, mapped);
    munmap(mapped, header->size);
    header->start.is_file = true;
    fds[n_fds] = file;
    int status = packet_send(socket, header, NULL, fds, n_fds + 1);
    close(file);
    return status;
}

int packet_send_start(int socket, const struct spawn_request *request)
{
    struct packet_header header;
    char text[PACKET_INLINE];
    int fds[PACKET_FDS];
    size_t n_fds = 0;
    memset(&header, 0, sizeof header);
    header.verb = PACKET_START;
    header.id = request->id;
    header.start.limits = request->limits;
    header.start.has_cwd = request->cwd != NULL;
    header.start.tells_start = request->tells_start;
    size_t size = texts_size(request->argv, &header.start.n_argv) +
                  texts_size(request->env, &header.start.n_env) +
                  (request->cwd ? strlen(request->cwd) + 1 : 0);
    if (size > PACKET_MOST)
        return -E2BIG;
    header.size = (uint32_t)size;
    for (int i = 0; i < 4; i++)
        if (request->fds[i] >= 0) {
            header.start.has_fd[i] = true;
            fds[n_fds++] = request->fds[i];
        }
    if (size > PACKET_INLINE)
        return send_as_file(socket, &header, request, fds, n_fds);
    write_start(request, text);
    return packet_send(socket, &header, text, fds, n_fds);
}

/* The next n texts, and a NULL behind them; NULL when there are fewer. */
static const char **get_texts(const char **to, uint32_t n, const char **at, const char *end)
{
    for (uint32_t i = 0; i < n; i++) {
        if (*at >= end)
            return NULL;
        *to++ = *at;
        *at += strlen(*at) + 1; /* there is a NUL behind the last */
    }
    *to++ = NULL;
    return to;
}

int packet_read_start(struct packet *packet, struct spawn_request *request)
{
    const struct packet_header *header = &packet->header;
    const char *at = packet->text, *end = at + header->size;
    uint32_t n_argv = header->start.n_argv, n_env = header->start.n_env;
    if (packet->error)
        return -packet->error;
    if (n_argv == 0 || n_argv > header->size || n_env > header->size)
        return -EPROTO;
    const char **texts = malloc((n_argv + n_env + 2ul) * sizeof *texts);
    if (!texts)
        return -ENOMEM;
    const char **env = get_texts(texts, n_argv, &at, end);
    if (!env || !get_texts(env, n_env, &at, end) || (header->start.has_cwd && at >= end)) {
        free(texts);
        return -EPROTO;
    }
    *request = (struct spawn_request){.id = header->id,
                                      .argv = texts,
                                      .env = env,
                                      .cwd = header->start.has_cwd ? at : NULL,
                                      .limits = header->start.limits,
                                      .tells_start = header->start.tells_start};
    size_t n_fds = 0;
    for (int i = 0; i < 4; i++)
        request->fds[i] =
            header->start.has_fd[i] && n_fds < packet->n_fds ? packet->fds[n_fds++] : -1;
    return 0;
}
