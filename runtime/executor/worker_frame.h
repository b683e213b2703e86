/* What the server and a worker process say to each other over their socket: frames, each with a
 * word and a text, which is JSON where it carries values.
 *
 *   server                        worker
 *          ◄──────────── READY, once it has loaded all its functions; or FAILED: why it cannot
 *   CALL n ────────────►
 *          ◄──────────── PROGRESS n, as often as it likes
 *   CANCEL n ──────────►          (may come too late)
 *          ◄──────────── RESULT n or ERROR n
 * [worker] */
#ifndef AWAITD_RUNTIME_WORKER_FRAME_H
#define AWAITD_RUNTIME_WORKER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buffer.h"

/* kind, its word, its text */
#define FRAME_KINDS(X)                                                                             \
    X(READY, "", "")                                                                               \
    X(FAILED, "", "why")                                                                           \
    X(CALL, "the function's name", "its arguments, a JSON object")                                 \
    X(CANCEL, "", "")                                                                              \
    X(PROGRESS, "the fraction, or nothing", "a message, or nothing")                               \
    X(RESULT, "", "JSON")                                                                          \
    X(ERROR, "the exception's type", "its message")

enum frame_kind {
#define FRAME_ENUM(name, word, text) FRAME_##name,
    FRAME_KINDS(FRAME_ENUM)
#undef FRAME_ENUM
        FRAME_KIND_COUNT
};

/* More than any limit on what goes over it lets through. */
#define FRAME_TEXT_MAX ((size_t)300 << 20)
#define FRAME_WORD_MAX 200

struct frame_head {
    uint8_t kind, word_size;
    uint16_t reserved;
    uint32_t text_size;
    uint64_t call;
};

/* What was read: borrowed from the buffer. Both texts end with a NUL. */
struct frame {
    enum frame_kind kind;
    uint64_t call;
    const char *word, *text;
    size_t size; /* of text */
};

/* Appends a frame. A word that is too long is cut. */
void frame_write(struct buffer *b, enum frame_kind kind, uint64_t call, const char *word,
                 const char *text, size_t size);
/* The first frame of the bytes: its length, and *frame; 0 when it is not all there yet; -1 when
 * these are no frames. */
long frame_read(const struct buffer *b, struct frame *frame);

#endif
