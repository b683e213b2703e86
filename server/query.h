/* What stands in URLs and header fields, taken apart. Pure. [any] */
#ifndef AWAITD_SERVER_QUERY_H
#define AWAITD_SERVER_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/error.h"

#define QUERY_MAX 16    /* parameters; no path has so many */
#define WAIT_MAX_S 3600 /* the longest wait that a request may ask for */

/* The parameters after "?", decoded in place: names and values are borrowed from the text. */
struct query {
    size_t n;
    struct {
        const char *name, *value;
    } items[QUERY_MAX];
};

/* Takes the text apart (it is changed). 0 or -ERROR_INVALID and *e: percent signs without two
 * hexadecimal digits, NUL or bytes that are no UTF-8, a name given twice, too many. */
int query_parse(struct query *query, char *text, struct error *e);
/* The value of a parameter; NULL when it was not given. */
const char *query_get(const struct query *query, const char *name);
/* 0 when every parameter is one of `known` (NULL-terminated); else -ERROR_INVALID and *e with the
 * nearest known one. */
int query_allow(const struct query *query, const char *const *known, struct error *e);

/* A whole number without sign, between min and max. */
bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *out);
/* Seconds, with decimals after a point if need be; no sign, no exponent. */
bool parse_seconds(const char *text, double *seconds);

/* Decodes a segment of a path in place. False when percent signs, NUL or bytes that are no UTF-8
 * make no sense; then it is spoilt. */
bool path_decode(char *segment);

/* Names of coroutines and loops. */
#define NAME_RULE                                                                                  \
    "names have 1 to 100 of the characters A-Z a-z 0-9 _ - . and begin with a letter or '_'"
bool name_is_good(const char *name);

/* Looks for `wait=...` in a Prefer header (RFC 7240). True, and the value's place and size within
 * the header, when it is there; other preferences are passed over. */
bool prefer_find_wait(const char *header, const char **value, size_t *size);

/* Whether an If-None-Match header names the tag (with its quotes), or is "*". Weak tags compare as
 * well, as RFC 9110 (13.1.2) has it. */
bool etag_matches(const char *header, const char *tag);

/* Percent-encodes a query value: appends to out. */
struct buffer;
void query_encode(struct buffer *out, const char *value);

#endif
