/* What a client's Idempotency-Key was used for: so that the same request, sent once more, is not
 * carried out once more, and gets the first one's answer. The time is the caller's. [any] */
#ifndef AWAITD_RUNTIME_STORE_KEY_RECORD_H
#define AWAITD_RUNTIME_STORE_KEY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/id.h"

#define KEY_KEPT_US INT64_C(86400000000) /* a day; then the key is free */
#define KEY_FINGERPRINT_SIZE 32
#define KEY_TAG_SIZE 20

/* Texts are NUL-terminated. */
struct key_record {
    const char *scope; /* within which keys are unique; "" as long as clients are not told apart */
    const char *key;
    int64_t at_us;                             /* when it was used first */
    uint8_t fingerprint[KEY_FINGERPRINT_SIZE]; /* of the request, to tell it from another one */
    struct id id;                              /* of what was made */
    char tag[KEY_TAG_SIZE];                    /* of the first answer: its ETag and its body, */
    const char *answer; /* which is NULL when there was no memory for it: then nothing is stored */
};

/* One of the caller's own, together with its texts; NULL when out of memory. Needs an answer. */
struct key_record *key_record_copy(const struct key_record *from);
void key_record_free(struct key_record *record); /* only what was copied; NULL is fine */

/* Whether a key that was used at that time is still kept. */
static inline bool key_is_kept(int64_t at_us, int64_t now_us)
{
    return at_us > now_us - KEY_KEPT_US;
}

/* When a backend's writer removes what is no longer kept: in slices so small, and so far apart,
 * that no commit waits for long; as long as there is more, faster than clients can add. Start with
 * {0}. [writer] */
struct key_sweep {
    int64_t last_us, next_us;
};

#define KEY_SLICE 200 /* removed at a time, at most */

bool key_sweep_is_due(const struct key_sweep *sweep, int64_t now_us);
void key_sweep_done(struct key_sweep *sweep, int64_t now_us, size_t n_removed);

#endif
