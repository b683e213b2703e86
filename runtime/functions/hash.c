/* hash: hashlib's digests, and zlib's crc32, of a text, of bytes, or of a file. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "runtime/exception.h"
#include "runtime/functions/functions.h"
#include "schema/allocate.h"

#define BLOCK (256 << 10)

/* One of the two is at work. */
struct digest {
    EVP_MD_CTX *context; /* NULL: crc32 */
    uLong crc;
};

static bool digest_begin(struct digest *digest, const char *algorithm)
{
    *digest = (struct digest){.crc = crc32(0, NULL, 0)};
    if (strcmp(algorithm, "crc32") == 0)
        return true;
    digest->context = EVP_MD_CTX_new();
    const EVP_MD *kind = EVP_get_digestbyname(algorithm);
    return digest->context && kind && EVP_DigestInit_ex(digest->context, kind, NULL) == 1;
}

static void digest_add(struct digest *digest, const unsigned char *data, size_t size)
{
    if (digest->context)
        EVP_DigestUpdate(digest->context, data, size);
    else
        digest->crc = crc32_z(digest->crc, data, size);
}

/* As hexdigest() has it, as JSON. */
static void digest_write(struct digest *digest, struct buffer *b)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    buffer_char(b, '"');
    if (digest->context)
        EVP_DigestFinal_ex(digest->context, bytes, &size);
    else
        buffer_format(b, "%08lx", digest->crc);
    for (unsigned i = 0; i < size; i++)
        buffer_format(b, "%02x", bytes[i]);
    buffer_char(b, '"');
}

/* ---- files ---- */

/* "[Errno 2] No such file or directory: 'name'" */
static void raise_os_error(struct function_call *call, int error, const char *name)
{
    struct buffer message = {0};
    const char *type = error == ENOENT                     ? "FileNotFoundError"
                       : error == EACCES || error == EPERM ? "PermissionError"
                       : error == ENOTDIR                  ? "NotADirectoryError"
                       : error == EISDIR                   ? "IsADirectoryError"
                                                           : "OSError";
    buffer_format(&message, "[Errno %d] %s: ", error, strerrordesc_np(error));
    exception_write_repr(&message, name);
    function_raise(call, type, "%s", message.bytes ? message.bytes : "");
    buffer_release(&message);
}

/* A pipe or a device might never end. -1: it has raised. */
static int open_regular(struct function_call *call, const char *name, off_t *size)
{
    struct stat status;
    int file = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0) {
        raise_os_error(call, errno, name);
        return -1;
    }
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
        *size = status.st_size;
        return file;
    }
    if (S_ISDIR(status.st_mode))
        raise_os_error(call, EISDIR, name);
    else
        function_raise(call, "OSError", "not a regular file: '%s'", name);
    close(file);
    return -1;
}

/* False: it has raised. */
static bool read_all(struct function_call *call, struct digest *digest, int file, off_t size,
                     const char *name)
{
    unsigned char *block = allocate(BLOCK);
    ssize_t n = block ? 1 : -1; /* more than 0 after the loop: cancelled */
    off_t done = 0;
    errno = ENOMEM;
    while (n > 0 && !function_is_cancelled(call) && (n = read(file, block, BLOCK)) > 0) {
        digest_add(digest, block, (size_t)n);
        done += n;
        if (size > 64 * BLOCK)
            function_progress(call, done < size ? (double)done / (double)size : 1, NULL);
    }
    free(block);
    if (n < 0)
        raise_os_error(call, errno, name);
    else if (n > 0)
        function_give_up(call);
    return n == 0;
}

static bool add_file(struct function_call *call, struct digest *digest)
{
    size_t length;
    const char *name = function_text(call, "file", &length);
    off_t size;
    if (strlen(name) != length) {
        function_raise(call, "ValueError", "embedded null byte");
        return false;
    }
    int file = open_regular(call, name, &size);
    bool is_good = file >= 0 && read_all(call, digest, file, size, name);
    if (file >= 0)
        close(file);
    return is_good;
}

/* ---- the function ---- */

static bool add_bytes(struct function_call *call, struct digest *digest, const char *name,
                      bool is_base64)
{
    struct bytes bytes;
    if (!bytes_from(call, name, is_base64, &bytes))
        return false;
    digest_add(digest, bytes.data, bytes.size);
    free(bytes.owned);
    return true;
}

static void run(struct function_call *call)
{
    static const char *const names[] = {"text", "base64", "file", NULL};
    struct digest digest;
    struct buffer result = {0};
    size_t size;
    const char *algorithm = function_text(call, "algorithm", &size);
    int which = function_one_of(call, names);
    if (which < 0)
        return;
    if (!digest_begin(&digest, algorithm))
        function_raise(call, "ValueError", "unsupported hash type %s", algorithm);
    else if (which == 2 ? add_file(call, &digest)
                        : add_bytes(call, &digest, names[which], which == 1)) {
        digest_write(&digest, &result);
        function_return_buffer(call, &result);
    }
    EVP_MD_CTX_free(digest.context);
}

const struct function function_hash = {
    .name = "hash",
    .reads_files = true,
    .summary = "The digest of a text (as UTF-8), of bytes in base64, or of a regular file, in "
               "hexadecimal digits.",
    .parameters_json =
        "{\"algorithm\":{\"enum\":[\"sha256\",\"sha1\",\"md5\",\"crc32\"],\"default\":\"sha256\"},"
        "\"text\":{\"type\":[\"string\",\"null\"],\"default\":null},"
        "\"base64\":{\"type\":[\"string\",\"null\"],\"default\":null},"
        "\"file\":{\"type\":[\"string\",\"null\"],\"default\":null,"
        "\"description\":\"its path on the server\"}}",
    .run = run,
};
