/* Points in time as text. Pure. [any] */
#ifndef AWAITD_SCHEMA_TIME_H
#define AWAITD_SCHEMA_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* Reads an RFC 3339 time, "2026-11-22T14:40:00.5Z" or with an offset, into microseconds since the
 * epoch; digits beyond them are dropped. False when it is none. */
bool time_parse(const char *text, int64_t *at_us);

#endif
