/* What values of options look like, by their kind. [main] */
#ifndef AWAITD_SERVER_CONFIG_VALUE_H
#define AWAITD_SERVER_CONFIG_VALUE_H

#include "server/config.h"

enum config_kind {
    CONFIG_TEXT,
    CONFIG_LIST,
    CONFIG_SIZE,
    CONFIG_COUNT,
    CONFIG_LOOPS,
    CONFIG_TIMES,
    CONFIG_SECONDS,
    CONFIG_RETENTION,
    CONFIG_FORMAT,
    CONFIG_LEVEL,
    CONFIG_SWITCH
};

/* Sets the member of struct config that is at `place`, of the kind's type. A list is added to if it
 * is set `again` by the same source. NULL; or what the value should have been. */
const char *config_set_value(enum config_kind kind, void *place, const char *value, bool again);

#endif
