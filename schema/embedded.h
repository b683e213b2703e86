/* Files that are part of the program (written by schema/sql/embed.sh into build/). [any] */
#ifndef AWAITD_SCHEMA_EMBEDDED_H
#define AWAITD_SCHEMA_EMBEDDED_H

#include <stddef.h>

/* schema/sql/NNN_*.sql; number i takes a database from version i to i + 1. */
extern const char *const embedded_migrations[];
extern const int embedded_n_migrations;

/* openapi.yaml, NUL-terminated as well. */
extern const char embedded_openapi[];
extern const size_t embedded_openapi_size;

#endif
