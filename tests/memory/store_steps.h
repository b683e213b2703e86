/* What the test of the store does, one request after another. */
#ifndef AWAITD_TESTS_MEMORY_STORE_STEPS_H
#define AWAITD_TESTS_MEMORY_STORE_STEPS_H

#include "tests/memory/writes.h"

#define LONG 100000 /* bytes of a text that fits into no page */

enum step {
    INSERT_1,
    INSERT_2_ENDED,
    INSERT_3_LONG,
    LOG_1,
    CANCEL_1,
    RESCHEDULE_1,
    SET_FUTURE_1,
    SET_FUTURE_1_ERROR,
    DROP_FUTURE_1,
    PUT,
    PUT_AGAIN,
    PUT_NEW,
    REMOVE_NEW,
    JOURNAL_1,
    FINISH_3,
    DELETE_2,
    INSERT_4_KEY,
    START_4,
    CLOCK,
    BEGIN_RUN,
    BEGIN_JOBS,
    END_RUN,
    FORGET_2,
    SHRINK,
    N_STEPS,
};

struct write *store_step(enum step step);
/* All readers whose answers nobody else looks at: `heard` hears of each one's status. */
void store_read_rest(struct store_reader *reader,
                     void (*heard)(void *context, int status, const char *what), void *context);
/* It is never refused: without memory it waits for some, until the store is closed. */
bool store_step_may_wait(enum step step);

#endif
