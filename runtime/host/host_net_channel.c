#include "runtime/host/host_net_channel.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/host/host_net_internal.h"

/* ---- failures, in Python's words ---- */

void channel_failure_release(struct channel_failure *failure)
{
    buffer_release(&failure->message);
    free(failure->details);
    *failure = (struct channel_failure){0};
}

void channel_fail_errno(struct channel_failure *failure, int number)
{
    channel_failure_release(failure);
    failure->type = net_type_of_errno(number);
    buffer_format(&failure->message, "[Errno %d] %s", number, strerror(number));
}

static enum channel_result fail(struct channel *channel, const char *type, const char *message)
{
    channel_failure_release(&channel->failure);
    channel->failure.type = type;
    buffer_text(&channel->failure.message, message);
    return CHANNEL_FAILED;
}

/* SSLCertVerificationError: with what it says in `verify_code` and `verify_message`. */
static enum channel_result fail_verification(struct channel *channel)
{
    struct channel_failure *failure = &channel->failure;
    struct buffer why = {0}, details = {0};
    long code = SSL_get_verify_result(channel->ssl);
    X509_VERIFY_PARAM *param = SSL_get0_param(channel->ssl);
    const char *name = SSL_get_servername(channel->ssl, TLSEXT_NAMETYPE_host_name);
    if (code == X509_V_ERR_HOSTNAME_MISMATCH && name) {
        buffer_format(&why, "Hostname mismatch, certificate is not valid for '%s'.", name);
    } else if (code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        char *address = X509_VERIFY_PARAM_get1_ip_asc(param);
        buffer_format(&why, "IP address mismatch, certificate is not valid for '%s'.",
                      address ? address : "");
        OPENSSL_free(address);
    } else {
        buffer_text(&why, X509_verify_cert_error_string(code));
    }
    fail(channel, "SSLCertVerificationError",
         "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ");
    buffer_add(&failure->message, why.bytes, why.size);
    buffer_format(&details, "{\"verify_code\":%ld,\"verify_message\":", code);
    buffer_json_string(&details, why.bytes, why.size);
    buffer_char(&details, '}');
    failure->details = memory_need(buffer_take(&details));
    buffer_release(&why);
    return CHANNEL_FAILED;
}

/* "[SSL: WRONG_VERSION_NUMBER] wrong version number" */
static enum channel_result fail_ssl(struct channel *channel)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(error);
    struct buffer *message = &channel->failure.message;
    if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
        ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return fail_verification(channel);
    reason = reason ? reason : "unknown error";
    fail(channel, "SSLError", "[SSL: ");
    for (const char *c = reason; *c; c++)
        buffer_char(message, isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_');
    buffer_format(message, "] %s", reason);
    return CHANNEL_FAILED;
}

/* What came of a call of OpenSSL that returned `rc`, which is no success. */
static enum channel_result ssl_result(struct channel *channel, int rc)
{
    int number = errno;
    switch (SSL_get_error(channel->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        channel->events |= UV_READABLE;
        return CHANNEL_WAITS;
    case SSL_ERROR_WANT_WRITE:
        channel->events |= UV_WRITABLE;
        return CHANNEL_WAITS;
    case SSL_ERROR_ZERO_RETURN:
        return CHANNEL_EOF;
    case SSL_ERROR_SYSCALL:
        if (number == 0)
            return CHANNEL_EOF;
        channel_fail_errno(&channel->failure, number);
        return CHANNEL_FAILED;
    default:
        return fail_ssl(channel);
    }
}

static void before_ssl(void)
{
    ERR_clear_error();
    errno = 0;
}

/* The same of a system call. */
static enum channel_result plain_result(struct channel *channel, int event)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        channel->events |= event;
        return CHANNEL_WAITS;
    }
    channel_fail_errno(&channel->failure, errno);
    return CHANNEL_FAILED;
}

/* ---- life ---- */

/* As ssl.create_default_context() has it: TLS 1.2 at least, and an end without goodbye is one. */
SSL_CTX *channel_trust(const char *trusted)
{
    SSL_CTX *trust = SSL_CTX_new(TLS_client_method());
    if (!trust)
        return NULL;
    SSL_CTX_set_min_proto_version(trust, TLS1_2_VERSION);
    SSL_CTX_set_options(trust, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(trust, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(trust, SSL_VERIFY_PEER, NULL);
    if (trusted) /* one that cannot be read trusts nobody */
        SSL_CTX_load_verify_file(trust, trusted);
    else
        SSL_CTX_set_default_verify_paths(trust);
    return trust;
}

void channel_open(struct channel *channel, int fd)
{
    *channel = (struct channel){.fd = fd};
}

void channel_secure(struct channel *channel, SSL_CTX *trust, const char *name)
{
    struct net_address address;
    SSL *ssl = channel->ssl = memory_need(SSL_new(trust));
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    BUG_ON(SSL_set_fd(ssl, channel->fd) != 1);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (net_address_parse(name, &address)) {
        BUG_ON(X509_VERIFY_PARAM_set1_ip(param, address.bytes, address.size) != 1);
    } else {
        SSL_set_tlsext_host_name(ssl, name);   /* no name of more than 255 bytes */
        BUG_ON(SSL_set1_host(ssl, name) != 1); /* else any would do */
    }
    SSL_set_connect_state(ssl);
}

void channel_close(struct channel *channel)
{
    SSL_free(channel->ssl);
    if (channel->fd >= 0)
        close(channel->fd);
    channel_failure_release(&channel->failure);
    *channel = (struct channel){.fd = -1};
}

/* ---- talking ---- */

enum channel_result channel_handshake(struct channel *channel)
{
    before_ssl();
    int rc = SSL_do_handshake(channel->ssl);
    enum channel_result result = rc == 1 ? CHANNEL_DONE : ssl_result(channel, rc);
    if (result == CHANNEL_EOF)
        return fail(channel, "ConnectionResetError",
                    "the connection was closed during the TLS handshake");
    return result;
}

enum channel_result channel_read(struct channel *channel, char *bytes, size_t size, size_t *n)
{
    if (channel->ssl) {
        before_ssl();
        int rc = SSL_read_ex(channel->ssl, bytes, size, n);
        return rc == 1 ? CHANNEL_DONE : ssl_result(channel, rc);
    }
    ssize_t got = recv(channel->fd, bytes, size, 0);
    if (got < 0)
        return plain_result(channel, UV_READABLE);
    *n = (size_t)got;
    return got > 0 ? CHANNEL_DONE : CHANNEL_EOF;
}

enum channel_result channel_write(struct channel *channel, const char *bytes, size_t size,
                                  size_t *n)
{
    if (channel->ssl) {
        before_ssl();
        int rc = SSL_write_ex(channel->ssl, bytes, size, n);
        enum channel_result result = rc == 1 ? CHANNEL_DONE : ssl_result(channel, rc);
        if (result == CHANNEL_EOF) { /* as a write to a pipe without a reader */
            channel_fail_errno(&channel->failure, EPIPE);
            return CHANNEL_FAILED;
        }
        return result;
    }
    ssize_t sent = send(channel->fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0)
        return plain_result(channel, UV_WRITABLE);
    *n = (size_t)sent;
    return CHANNEL_DONE;
}

bool channel_has_pending(const struct channel *channel)
{
    return channel->ssl && SSL_has_pending(channel->ssl);
}

enum channel_result channel_write_eof(struct channel *channel)
{
    BUG_ON(channel->ssl);
    if (shutdown(channel->fd, SHUT_WR) == 0)
        return CHANNEL_DONE;
    channel_fail_errno(&channel->failure, errno);
    return CHANNEL_FAILED;
}

void channel_say_goodbye(struct channel *channel)
{
    if (channel->ssl && SSL_is_init_finished(channel->ssl)) {
        before_ssl();
        SSL_shutdown(channel->ssl);
    }
}
