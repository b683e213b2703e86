/* What libcurl's errors are called in Python. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/host/host_net_internal.h"
#include "schema/utf8.h"

/* A server may have had a say in it. */
static char *copy_message(const char *message)
{
    char *copy = memory_text(message);
    if (!utf8_is_valid(copy, strlen(copy)))
        for (char *c = copy; *c; c++)
            *c = (unsigned char)*c < 0x80 ? *c : '?';
    return copy;
}

void transfer_raise(struct transfer *transfer, const char *type, const char *message, char *details)
{
    struct answer *answer = &transfer->operation->answer;
    answer->type = memory_text(type);
    answer->text = copy_message(message);
    answer->size = strlen(message);
    answer->details = details;
    transfer_answer(transfer);
}

/* As Python's OSError chooses its subclass. */
const char *net_type_of_errno(long number)
{
    switch (number) {
    case ECONNREFUSED:
        return "ConnectionRefusedError";
    case ECONNRESET:
        return "ConnectionResetError";
    case ECONNABORTED:
        return "ConnectionAbortedError";
    case EPIPE:
        return "BrokenPipeError";
    case ETIMEDOUT:
        return "TimeoutError";
    case EACCES:
    case EPERM:
        return "PermissionError";
    default:
        return "OSError";
    }
}

static const struct known {
    CURLcode result;
    const char *type;
} known[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "gaierror"},
    {CURLE_COULDNT_RESOLVE_PROXY, "gaierror"},
    {CURLE_OPERATION_TIMEDOUT, "TimeoutError"},
    {CURLE_PEER_FAILED_VERIFICATION, "SSLCertVerificationError"},
    {CURLE_SSL_CONNECT_ERROR, "SSLError"},
    {CURLE_SSL_CIPHER, "SSLError"},
    {CURLE_SSL_CACERT_BADFILE, "SSLError"},
    {CURLE_SSL_ISSUER_ERROR, "SSLError"},
    {CURLE_SSL_SHUTDOWN_FAILED, "SSLError"},
    {CURLE_SSL_INVALIDCERTSTATUS, "SSLError"},
    {CURLE_GOT_NOTHING, "ConnectionAbortedError"},
    {CURLE_PARTIAL_FILE, "ConnectionAbortedError"},
    {CURLE_HTTP2_STREAM, "ConnectionAbortedError"},
    {CURLE_RECV_ERROR, "ConnectionAbortedError"},
    {CURLE_SEND_ERROR, "ConnectionAbortedError"},
    {CURLE_COULDNT_CONNECT, "ConnectionError"},
    {CURLE_URL_MALFORMAT, "ValueError"},
    {CURLE_OUT_OF_MEMORY, "MemoryError"},
};

static const char *type_of(CURLcode result)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].result == result)
            return known[i].type;
    return "HTTPProtocolError";
}

static bool may_have_errno(CURLcode result)
{
    return result == CURLE_COULDNT_CONNECT || result == CURLE_RECV_ERROR ||
           result == CURLE_SEND_ERROR;
}

void transfer_raise_curl(struct transfer *transfer, CURLcode result, const char *public_url)
{
    struct buffer message = {0};
    const char *type = type_of(result);
    long number = transfer->socket_error;
    if (number == 0)
        curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number);
    if (transfer->is_refused && result == CURLE_COULDNT_CONNECT) {
        type = "PermissionError";
        net_policy_explain(&transfer->refused, &message);
    } else if (may_have_errno(result) && number != 0) {
        type = net_type_of_errno(number);
        buffer_format(&message, "[Errno %ld] %s: ", number, strerror((int)number));
    } else
        buffer_format(&message,
                      "%s: ", transfer->why[0] ? transfer->why : curl_easy_strerror(result));
    if (!transfer->is_refused || result != CURLE_COULDNT_CONNECT)
        buffer_text(&message, public_url);
    char *text = memory_need(buffer_take(&message));
    transfer_raise(transfer, type, text, NULL);
    free(text);
}
