#include "server/idempotency.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json.h"
#include "server/reply.h"
#include "server/routes.h"

#define SCOPE "" /* there are no tokens: all clients are one */

/* ---- the header ---- */

/* One character of a quoted string, and where the next one is. NUL at its end, and where it goes
 * wrong. */
static char take_quoted(const char **at)
{
    char c = *(*at)++;
    if (c == '"')
        return '\0';
    if (c == '\\') {
        c = *(*at)++;
        return c == '"' || c == '\\' ? c : '\0';
    }
    return c;
}

bool idempotency_parse(const char *header, char key[IDEMPOTENCY_KEY_MAX + 1])
{
    bool is_quoted = *header == '"';
    const char *at = header + is_quoted, *end;
    size_t size = 0;
    char c;
    while ((end = at, c = is_quoted ? take_quoted(&at) : *at++)) {
        if (c < ' ' || c > '~' || size == IDEMPOTENCY_KEY_MAX)
            return false;
        key[size++] = c;
    }
    key[size] = '\0';
    return size > 0 && (!is_quoted || strcmp(end, "\"") == 0);
}

/* ---- the request ---- */

/* Of all that makes it another request. The body counts as JSON, not as bytes: blanks and the way
 * in which strings are escaped are nothing. False when out of memory. */
static bool make_fingerprint(const struct request *request, const json_t *body,
                             uint8_t out[KEY_FINGERPRINT_SIZE])
{
    const char *name = request->name ? request->name : "";
    struct buffer text = {0};
    buffer_text(&text, "POST ");
    buffer_add(&text, request->route->path, strlen(request->route->path) + 1);
    buffer_add(&text, request->id.bytes, sizeof request->id.bytes);
    buffer_add(&text, name, strlen(name) + 1);
    if (body)
        json_write(&text, body);
    bool is_made = !text.failed && EVP_Digest(text.bytes, text.size, out, NULL, EVP_sha256(), NULL);
    buffer_release(&text);
    return is_made;
}

/* NULL when it is answered. */
static struct idempotency *make(struct request *request, const json_t *body)
{
    struct idempotency *made = calloc(1, sizeof *made);
    if (!made || !make_fingerprint(request, body, made->record.fingerprint)) {
        free(made);
        reply_code(request, ERROR_NO_MEMORY);
        return NULL;
    }
    if (!idempotency_parse(request->headers.idempotency_key, made->key)) {
        free(made);
        reply_problem(request, 400,
                      "Idempotency-Key must be 1 to %d printable ASCII characters, as they are or "
                      "in double quotes",
                      IDEMPOTENCY_KEY_MAX);
        return NULL;
    }
    made->record.scope = SCOPE;
    made->record.key = made->key;
    made->record.at_us = now_us();
    return made;
}

/* ---- looking ---- */

static enum idempotency_found compare(struct request *request, struct idempotency *mine)
{
    if (memcmp(mine->former->fingerprint, mine->record.fingerprint, KEY_FINGERPRINT_SIZE) == 0) {
        request->is_replayed = true;
        return IDEMPOTENCY_REPEATED;
    }
    reply_problem(request, 422,
                  "this Idempotency-Key was used for another request within the last 24 hours: "
                  "another path, or another body; every request needs a key of its own");
    return IDEMPOTENCY_REFUSED;
}

static enum idempotency_found look(struct request *request)
{
    struct idempotency *mine = request->idempotency;
    struct error e;
    int status = store_get_key(request->lane->reader, SCOPE, mine->key, mine->record.at_us,
                               &mine->former, &e);
    if (status == 0)
        return compare(request, mine);
    if (status == -ERROR_NOT_FOUND)
        return IDEMPOTENCY_NEW;
    reply_error(request, &e);
    return IDEMPOTENCY_REFUSED;
}

enum idempotency_found idempotency_look(struct request *request, const json_t *body)
{
    if (!request->headers.idempotency_key)
        return IDEMPOTENCY_NEW;
    request->idempotency = make(request, body);
    return request->idempotency ? look(request) : IDEMPOTENCY_REFUSED;
}

bool idempotency_look_again(struct request *request)
{
    enum idempotency_found found = look(request);
    if (found == IDEMPOTENCY_NEW)
        reply_problem(request, 503,
                      "the first request with this Idempotency-Key is no longer "
                      "known; please try again");
    return found == IDEMPOTENCY_REPEATED;
}

/* ---- the answer ---- */

void idempotency_set_answer(struct idempotency *idempotency, const struct id *id,
                            struct buffer *body)
{
    idempotency->record.id = *id;
    idempotency->record.answer = buffer_take(body);
}

void idempotency_reply(struct request *request, unsigned status, const char *location)
{
    const struct idempotency *mine = request->idempotency;
    const struct key_record *record = mine->former ? mine->former : &mine->record;
    struct buffer body = {0};
    char id[ID_TEXT_SIZE], where[ID_TEXT_SIZE + 20];
    buffer_text(&body, record->answer);
    struct MHD_Response *response = reply_new(request, &body, TYPE_JSON);
    id_format(&record->id, id);
    snprintf(where, sizeof where, "%s%s", location, id);
    reply_header(response, MHD_HTTP_HEADER_ETAG, record->tag);
    reply_header(response, MHD_HTTP_HEADER_LOCATION, where);
    reply_preference(request, response);
    reply_send(request, status, response);
}

void idempotency_free(struct idempotency *idempotency)
{
    if (!idempotency)
        return;
    free((char *)(uintptr_t)idempotency->record.answer);
    key_record_free(idempotency->former);
    free(idempotency);
}
