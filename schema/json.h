/* The one strict JSON reader, and the writer for parsed values. Pure. [any] */
#ifndef AWAITD_SCHEMA_JSON_H
#define AWAITD_SCHEMA_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "schema/buffer.h"
#include "schema/error.h"

/* How deep arrays and objects of one document may nest; job trees have their own limit (plan.h). */
#define JSON_DEPTH_MAX 200
/* How many of them one document may have, and how many values there may be beside each other: in
 * memory they are tens or hundreds of times as large as their text. */
#define JSON_CONTAINERS_MAX 3000000
#define JSON_COMMAS_MAX 10000000

/* Reads the whole of text as one value. Refuses what two readers could see differently: duplicate
 * keys, invalid UTF-8, NUL, lone surrogates, numbers that do not fit, trailing text, and what
 * is beyond the limits above. NULL and *e (ERROR_BAD_JSON with the byte offset) on failure; the
 * caller owns the value. */
json_t *json_read(const char *text, size_t size, struct error *e);

/* Appends the value as compact JSON text. Real numbers as buffer_json_real writes them. */
void json_write(struct buffer *b, const json_t *value);

#endif
