/* jansson where there may be no memory. Its parser does not survive that: it goes on without the
 * character that it had no room for, and then reads and writes beyond its buffer. So it is left by
 * longjmp, and what it had allocated by then is freed. [any] */
#ifndef AWAITD_SCHEMA_JSON_LOAD_H
#define AWAITD_SCHEMA_JSON_LOAD_H

#include <jansson.h>

/* From now on jansson allocates as schema/allocate.h does; it has but one set of functions for the
 * process. free() frees what it gives, as before. [main, before jansson is used] */
void json_load_prepare(void);

/* As json_loadb; NULL also when there is no memory, as allocate_failures() tells then. */
json_t *json_load_text(const char *text, size_t size, size_t flags, json_error_t *why);

#endif
