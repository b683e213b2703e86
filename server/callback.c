#include "server/callback.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "runtime/base/bug.h"
#include "schema/base64.h"

#define KIND "secret" /* of documents: no resource shows these */
#define NAME "callbacks"
#define SIGNATURE_SIZE 32
#define ID_SIZE sizeof(((struct id *)0)->bytes)

/* ---- the secret ---- */

struct keeping {
    struct store_request request;
    sem_t done;
    int status;
};

/* [writer] */
static void kept(struct store_request *request, int status)
{
    struct keeping *keeping = CONTAINER_OF(request, struct keeping, request);
    keeping->status = status;
    sem_post(&keeping->done);
}

/* Before the first request: nobody waits but the start. */
static int keep(struct server *server, struct error *e)
{
    char body[2 * CALLBACK_SECRET_SIZE + 3];
    struct keeping keeping = {.request = {.verb = STORE_PUT, .done = kept}};
    size_t at = 0;
    body[at++] = '"';
    for (size_t i = 0; i < CALLBACK_SECRET_SIZE; i++, at += 2)
        snprintf(body + at, 3, "%02x", server->callback_secret[i]);
    body[at++] = '"';
    body[at] = '\0';
    keeping.request.document =
        (struct document){.kind = KIND, .name = NAME, .body = body, .created_at_us = now_us()};
    keeping.request.document.updated_at_us = keeping.request.document.created_at_us;
    sem_init(&keeping.done, 0, 0);
    store_submit(server->store, &keeping.request);
    while (sem_wait(&keeping.done) < 0 && errno == EINTR)
        ;
    sem_destroy(&keeping.done);
    if (keeping.status == 0)
        return 0;
    return error_set(e, (enum error_code) - keeping.status,
                     "the secret that signs callback URLs cannot be kept: %s",
                     error_code_name((enum error_code) - keeping.status));
}

static int make_secret(struct server *server, struct error *e)
{
    ssize_t size = getrandom(server->callback_secret, CALLBACK_SECRET_SIZE, 0);
    if (size != CALLBACK_SECRET_SIZE)
        return error_set(e, ERROR_SYSTEM, "no random bytes: %s", strerror(errno));
    return keep(server, e);
}

static int read_secret(struct server *server, const char *body, struct error *e)
{
    bool is_good = strlen(body) == 2 * CALLBACK_SECRET_SIZE + 2;
    for (size_t i = 0; is_good && i < CALLBACK_SECRET_SIZE; i++)
        is_good = sscanf(body + 1 + 2 * i, "%2hhx", &server->callback_secret[i]) == 1;
    return is_good ? 0
                   : error_set(e, ERROR_STORE_FOREIGN,
                               "the secret that signs callback URLs is damaged in the database");
}

int callback_open(struct server *server, struct error *e)
{
    struct store_reader *reader;
    struct document *document = NULL;
    int status = store_reader_open(&reader, server->store, e);
    if (status < 0)
        return status;
    status = store_get_document(reader, KIND, NAME, &document, e);
    store_reader_close(reader);
    if (status == 0)
        status = read_secret(server, document->body, e);
    else if (status == -ERROR_NOT_FOUND)
        status = make_secret(server, e);
    document_free(document);
    return status;
}

/* ---- tokens: the task's id, the future's name, the signature of both ---- */

static bool sign(const struct server *server, const void *what, size_t size,
                 unsigned char signature[SIGNATURE_SIZE])
{
    unsigned n = 0;
    return HMAC(EVP_sha256(), server->callback_secret, CALLBACK_SECRET_SIZE, what, size, signature,
                &n) &&
           n == SIGNATURE_SIZE;
}

void callback_write(struct buffer *out, const struct server *server, const struct id *task,
                    const char *name)
{
    unsigned char signature[SIGNATURE_SIZE];
    struct buffer token = {0};
    buffer_add(&token, task->bytes, ID_SIZE);
    buffer_text(&token, name);
    out->failed |= token.failed || !sign(server, token.bytes, token.size, signature);
    buffer_add(&token, signature, SIGNATURE_SIZE);
    buffer_text(out, "\"/v1/callbacks/");
    if (!token.failed)
        buffer_base64url(out, token.bytes, token.size);
    buffer_char(out, '"');
    out->failed |= token.failed;
    buffer_release(&token);
}

bool callback_read(const struct server *server, const char *token, struct id *task, char **name)
{
    unsigned char signature[SIGNATURE_SIZE], *bytes = malloc(strlen(token) + 1);
    size_t size = 0;
    bool is_good = bytes && base64url_decode(token, bytes, &size) &&
                   size > ID_SIZE + SIGNATURE_SIZE &&
                   sign(server, bytes, size - SIGNATURE_SIZE, signature) &&
                   CRYPTO_memcmp(signature, bytes + size - SIGNATURE_SIZE, SIGNATURE_SIZE) == 0;
    *name = NULL;
    if (is_good) {
        bytes[size - SIGNATURE_SIZE] = '\0';
        *name = strdup((const char *)bytes + ID_SIZE);
        memcpy(task->bytes, bytes, ID_SIZE);
    }
    free(bytes);
    return *name != NULL;
}
