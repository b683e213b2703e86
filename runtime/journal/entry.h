/* What comes to a job from outside, as an entry of its journal, and as the bytes that are stored.
 * Pure. [any] */
#ifndef AWAITD_RUNTIME_JOURNAL_ENTRY_H
#define AWAITD_RUNTIME_JOURNAL_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buffer.h"

/* Those up to ENTRY_CLOCK happen between callbacks of the job; the others answer what a callback
 * asks. The numbers are in databases: only add. */
enum entry_kind {
    ENTRY_FIRED = 1,   /* place: the frame whose timer came due */
    ENTRY_EXITED,      /* place: a subprocess; numbers: enum exited_number; texts: stdout, stderr */
    ENTRY_ANSWERED,    /* place: an operation; texts: type, text, details */
    ENTRY_CANCELLED,   /* text: the message */
    ENTRY_RESCHEDULED, /* numbers: enum rescheduled_number; text: the timeout's name */
    ENTRY_FUTURE_SET,  /* number: its index; texts: result, type, message */
    ENTRY_PRINTED,     /* number: so many lines went from processes into the log */
    ENTRY_GRANTED,     /* place: who waits for a semaphore, and gets it */
    ENTRY_BEGAN,       /* place: a leaf that must not begin twice is about to begin */
    ENTRY_CRASHED, /* place: a leaf that begins again; number: at so many crashes in a row it was
                    * running inside the server */
    ENTRY_STOOD,   /* so many callbacks had run at the end of a round, and what came of them is on
                    * disk, too */
    ENTRY_CLOCK = 20, /* nothing but the time; within the callback */
    ENTRY_CHANCE,     /* number: the bits of a double */
    ENTRY_CHOICE,     /* number: 0 or 1 */
    ENTRY_ACQUIRED,   /* number: 1: the semaphore was free; 0: it is waited for */
    ENTRY_PASSED_ON,  /* place: as GRANTED, by what the same job did in this callback */
};

enum exited_number {
    EXITED_ERROR,
    EXITED_PART,
    EXITED_CODE,
    EXITED_OUT_DROPPED,
    EXITED_OUT_HEAD,
    EXITED_ERR_DROPPED,
    EXITED_ERR_HEAD,
    EXITED_NUMBERS
};
enum rescheduled_number { RESCHEDULED_SECONDS, RESCHEDULED_AT, RESCHEDULED_NUMBERS };

#define ENTRY_NUMBERS_MAX 7
#define ENTRY_TEXTS_MAX 3

struct journal_entry {
    enum entry_kind kind;
    uint64_t position; /* callbacks of the job before it; those of ENTRY_CLOCK and up: with it */
    int64_t at_ns;     /* after the job began */
    struct entry_place {
        uint32_t task, node, depth; /* the task's number; depth: of the activation, calls below */
    } place;
    int64_t numbers[ENTRY_NUMBERS_MAX];
    struct entry_text {
        const char *bytes; /* NULL: none */
        size_t size;
    } texts[ENTRY_TEXTS_MAX];
};

/* What stands between the entries of one job. Start with {0}. */
struct entry_base {
    uint64_t position;
    int64_t at_ns;
};

/* Appends it. at_ns is never before the base's: clocks step back, a journal does not. */
void entry_write(struct buffer *out, struct entry_base *base, const struct journal_entry *entry);
/* The next one, its texts borrowed from the bytes; *at moves on. False where it is damaged. */
bool entry_read(const unsigned char **at, const unsigned char *end, struct entry_base *base,
                struct journal_entry *entry);

/* NUL-terminated, from malloc; NULL for none. */
char *entry_text_copy(const struct entry_text *text);

const char *entry_kind_name(enum entry_kind kind);

#endif
