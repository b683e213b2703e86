/* What came from outside, and what the engine did, as entries in a row of bytes. No pointer,
 * nothing of this process is in them: they could as well come from a disk. */
#ifndef AWAITD_TESTS_SIM_TAPE_H
#define AWAITD_TESTS_SIM_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buffer.h"
#include "schema/plan.h"

/* name, how it is called in a message, what `which` is (NODE, NUMBER or NONE), whether `value`
 * means anything */
#define TAPE_KINDS(X)                                                                              \
    /* answers to what the engine asked */                                                         \
    X(NOW, "now_ns", NONE, 1)                                                                      \
    X(WALL, "wall_us", NONE, 1)                                                                    \
    X(CHANCE, "chance", NONE, 1) /* the bits of the double */                                      \
    /* what came without being asked for. which: the how-manieth timer that was armed, process     \
     * that was started */                                                                         \
    X(FIRED, "the firing of timer", NUMBER, 0)                                                     \
    X(EXITED, "the end of process", NUMBER, 1)           /* exit code */                           \
    X(REFUSED, "the failed start of process", NUMBER, 1) /* 16 * errno + part */                   \
    X(STDOUT, "stdout of process", NUMBER, 1) /* behind EXITED and REFUSED; bytes dropped */       \
    X(STDERR, "stderr of process", NUMBER, 1)                                                      \
    X(ANSWERED, "the answer to operation", NUMBER, 0)                                              \
    X(ANSWER_TYPE, "the exception of operation", NUMBER,                                           \
      1) /* behind ANSWERED; 0: there is none */                                                   \
    X(ANSWER_DETAILS, "the details of operation", NUMBER, 1)                                       \
    X(ANSWER_TEXT, "the text of operation", NUMBER, 1)                                             \
    X(CANCELLED, "a cancellation", NUMBER, 0)        /* which: 1: it has a message */              \
    X(RESCHEDULED, "a reschedule", NUMBER, 1)        /* which: 1: it has a name; seconds' bits */  \
    X(FUTURE_SET, "a future that is set", NUMBER, 0) /* which and text: set_future.c's */          \
    /* both: the loop gives turns; loop.slice */                                                   \
    X(TURN, "a turn, cut after callback", NONE, 1)                                                 \
    /* what the engine did: callbacks, in the order of enum handle_kind; value: the number of the  \
     * task */                                                                                     \
    X(TAKEN_BACK, "a callback that was taken back", NONE, 0)                                       \
    X(STEP, "step", NODE, 1)                                                                       \
    X(WAKEUP, "wakeup", NODE, 1)                                                                   \
    X(DONE, "done callback", NODE, 1)                                                              \
    X(TIMER, "timer's callback", NODE, 1)                                                          \
    X(CANCEL, "root.cancel()", NONE, 0)                                                            \
    X(CALL, "a call from outside", NONE, 0)                                                        \
    /* … and what it told and asked of others */                                                 \
    X(ARMED, "arms a timer", NODE, 1) /* deadline */                                               \
    X(DISARMED, "disarms timer", NUMBER, 0)                                                        \
    X(SPAWNED, "spawns process", NUMBER, 0)                                                        \
    X(KILLED, "kills process", NUMBER, 1) /* signal */                                             \
    X(ABANDONED, "abandons process", NUMBER, 0)                                                    \
    X(BEGAN, "begins operation", NUMBER, 1) /* kind */                                             \
    X(GAVE_UP, "gives up operation", NUMBER, 0)                                                    \
    X(LOGGED, "logs", NONE, 1) /* microseconds */                                                  \
    X(ENDED, "ends", NONE, 1)  /* microseconds; text: the state */                                 \
    X(RESULT, "result", NONE, 0)                                                                   \
    X(ERROR, "error", NONE, 0)                                                                     \
    X(UNHANDLED, "unhandled", NONE, 0)                                                             \
    X(TRACE, "trace", NONE, 0)                                                                     \
    X(STUCK, "waits for ever", NONE, 0)                                                            \
    X(END, "nothing more", NONE, 0) /* stands on no tape */

enum tape_kind {
#define TAPE_KIND(NAME, name, which, value) TAPE_##NAME,
    TAPE_KINDS(TAPE_KIND)
#undef TAPE_KIND
};

struct tape_entry {
    enum tape_kind kind;
    uint32_t which;
    int64_t value;
    const char *text; /* of a read one: borrowed from the tape, not NUL-terminated */
    size_t size;
};

void tape_add(struct buffer *tape, const struct tape_entry *entry);

struct tape_reader {
    const char *at, *end;
};
struct tape_reader tape_reader(const struct buffer *tape);
/* The next entry, which stays the next one until tape_skip; TAPE_END behind the last. */
struct tape_entry tape_peek(const struct tape_reader *reader);
void tape_skip(struct tape_reader *reader);

bool tape_is_same(const struct tape_entry *a, const struct tape_entry *b);
/* For people. plan: for the paths of nodes. */
void tape_show(const struct tape_entry *entry, const struct plan *plan, struct buffer *out);
const char *tape_kind_name(enum tape_kind kind);

static inline int64_t tape_bits(double number)
{
    union {
        double number;
        int64_t bits;
    } u = {.number = number};
    return u.bits;
}

static inline double tape_number(int64_t bits)
{
    union {
        int64_t bits;
        double number;
    } u = {.bits = bits};
    return u.number;
}

#endif
