/* Idempotency-Key: a client that does not know whether its request arrived sends it once more with
 * the same key. It is carried out once; whoever repeats it gets the first answer. The key is kept
 * in the transaction that stores what the request makes, so there is never one without the other.
 * [http] unless it says otherwise. */
#ifndef AWAITD_SERVER_IDEMPOTENCY_H
#define AWAITD_SERVER_IDEMPOTENCY_H

#include <jansson.h>

#include "runtime/store/key_record.h"
#include "schema/buffer.h"
#include "server/request.h"

#define IDEMPOTENCY_KEY_MAX 255 /* characters */

/* Of one request that came with a key. */
struct idempotency {
    struct key_record record;          /* what is to be stored; its answer is owned */
    char key[IDEMPOTENCY_KEY_MAX + 1]; /* record.key */
    struct key_record *former;         /* owned: of the request that came first, or NULL */
};

/* The key in a header field: 1 to 255 printable ASCII characters, as they are, or as a string of
 * RFC 9651: "…". False when it is neither. Pure. */
bool idempotency_parse(const char *header, char key[IDEMPOTENCY_KEY_MAX + 1]);

enum idempotency_found {
    IDEMPOTENCY_NEW,      /* or there is no key: to be carried out */
    IDEMPOTENCY_REPEATED, /* the request was carried out: idempotency_reply, or something newer */
    IDEMPOTENCY_REFUSED,  /* answered: the key is no good, or was used for another request */
};

/* Looks whether the request came before. Body: NULL for none. Then request->idempotency is for the
 * request that goes to the store, if there is a key. */
enum idempotency_found idempotency_look(struct request *request, const json_t *body);
/* The store says that it did, only just. False when it is answered. */
bool idempotency_look_again(struct request *request);

/* What the answer will be, from the loop's thread or before: takes the bytes. Its tag is the
 * caller's to write. [any] */
void idempotency_set_answer(struct idempotency *idempotency, const struct id *id,
                            struct buffer *body);
/* Gives the first answer, as the first one, or once more. Location: "/v1/tasks/", and the id
 * follows. */
void idempotency_reply(struct request *request, unsigned status, const char *location);

void idempotency_free(struct idempotency *idempotency); /* NULL is fine */

#endif
