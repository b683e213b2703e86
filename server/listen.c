#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)

static int failure(struct error *e, const char *text, int why)
{
    if (why == EADDRINUSE)
        return error_set(e, ERROR_CONFLICT, "cannot listen on %s: something else does already",
                         text);
    return error_set(e, ERROR_SYSTEM, "cannot listen on %s: %s", text, strerror(why));
}

/* ---- sockets in the file system ---- */

/* A socket that nobody listens on is what a killed server left: it goes. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
        errno == ECONNREFUSED)
        unlink(address->sun_path);
    if (fd >= 0)
        close(fd);
}

static int open_unix(struct listener *listener, const char *path, struct error *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof(address.sun_path))
        return error_set(e, ERROR_INVALID,
                         "--listen: the path in 'unix:%.100s' must have 1 to %zu bytes", path,
                         sizeof(address.sun_path) - 1);
    strcpy(address.sun_path, path);
    remove_stale(&address);
    listener->fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
    mode_t mask = umask(0177); /* 0600 from its first moment on */
    int status =
        listener->fd < 0 ? -1 : bind(listener->fd, (struct sockaddr *)&address, sizeof(address));
    int why = errno;
    umask(mask);
    if (status != 0)
        return failure(e, path, why);
    listener->path = strdup(path);
    listener->is_local = true;
    snprintf(listener->address, sizeof(listener->address), "unix:%s", path);
    return 0;
}

/* ---- TCP ---- */

/* "host:port" or "[v6]:port". */
static bool split(const char *text, char host[256], const char **port)
{
    bool bracketed = text[0] == '[';
    const char *begin = text + bracketed;
    const char *end = bracketed ? strchr(begin, ']') : strrchr(begin, ':');
    if (!end || end == begin || end - begin > 255)
        return false;
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    if (!bracketed && strchr(host, ':')) /* an IPv6 address without its brackets */
        return false;
    end += bracketed;
    *port = end + 1;
    size_t digits = strspn(*port, "0123456789");
    return *end == ':' && digits > 0 && digits < 6 && (*port)[digits] == '\0' &&
           atoi(*port) < 65536;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
}

static int bind_one(struct listener *listener, const struct addrinfo *info)
{
    const int on = 1;
    listener->fd = socket(info->ai_family, SOCKET_FLAGS, 0);
    if (listener->fd < 0)
        return errno;
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    listener->is_local = is_loopback(info->ai_addr);
    return bind(listener->fd, info->ai_addr, info->ai_addrlen) == 0 ? 0 : errno;
}

static int open_tcp(struct listener *listener, const char *text, struct error *e)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    struct sockaddr_in6 bound;
    socklen_t size = sizeof(bound);
    char host[256];
    const char *port;
    if (!split(text, host, &port))
        return error_set(e, ERROR_INVALID,
                         "--listen: '%.200s' must be host:port, [v6]:port or unix:/path, as in "
                         "127.0.0.1:8080",
                         text);
    int status = getaddrinfo(host, port, &hints, &found);
    if (status != 0)
        return error_set(e, ERROR_SYSTEM, "cannot listen on %s: %s", text, gai_strerror(status));
    status = bind_one(listener, found);
    freeaddrinfo(found);
    if (status != 0)
        return failure(e, text, status);
    getsockname(listener->fd, (struct sockaddr *)&bound, &size);
    snprintf(listener->address, sizeof(listener->address),
             strchr(host, ':') ? "http://[%.90s]:%d" : "http://%.90s:%d", host,
             ntohs(bound.sin6_port)); /* the port of IPv4 stands at the same place */
    return 0;
}

int listener_open(struct listener *listener, const char *text, struct error *e)
{
    *listener = (struct listener){.fd = -1};
    int status = strncmp(text, "unix:", 5) == 0 ? open_unix(listener, text + 5, e)
                                                : open_tcp(listener, text, e);
    if (status == 0 && listen(listener->fd, SOMAXCONN) != 0)
        status = failure(e, text, errno);
    if (status != 0)
        listener_close(listener);
    return status;
}

void listener_close(struct listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    if (listener->path)
        unlink(listener->path);
    free(listener->path);
    *listener = (struct listener){.fd = -1};
}
