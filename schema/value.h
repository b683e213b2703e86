/* Immutable values of a running job: JSON as compact text, lists that share their items, and
 * exceptions. Reference counted without atomics: a value belongs to one loop's thread. Constants of
 * a plan are immortal and therefore shared freely. [loop] */
#ifndef AWAITD_SCHEMA_VALUE_H
#define AWAITD_SCHEMA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buffer.h"

enum value_kind { VALUE_TEXT, VALUE_LIST, VALUE_EXCEPTION };

#define VALUE_IMMORTAL UINT32_MAX
/* Lists nested deeper are refused by whoever makes them, so that walking one may recurse. */
#define VALUE_DEPTH_MAX 500

struct value {
    uint32_t refs;
    uint16_t kind;  /* enum value_kind */
    uint16_t depth; /* of nested lists: 0 for text */
    size_t size;    /* bytes of its JSON text: known without writing it */
};

struct value_text {
    struct value base;
    char bytes[]; /* base.size of them and a NUL */
};

struct value_list {
    struct value base;
    size_t n;
    struct value *items[]; /* owns a reference to each */
};

/* An exception is the JSON text of its error object, {"type":...,"message":...,...}, made once when
 * it is raised; base.size is that of {"error":{...}}, its form as an item of a list. */
struct exception {
    struct value base;
    bool is_cancelled; /* a CancelledError */
    uint32_t node;     /* the plan's node that raised it */
    uint8_t type_size; /* the type's name stands in json, from EXCEPTION_TYPE_AT on */
    char json[];
};
#define EXCEPTION_TYPE_AT 9   /* strlen("{\"type\":\"") */
#define EXCEPTION_WRAPPING 10 /* strlen("{\"error\":}") */

extern struct value *const value_null, *const value_true, *const value_false; /* immortal */

/* Copies the text; NULL when out of memory. */
struct value *value_from_text(const char *text, size_t size);
/* The JSON string that says `text` (UTF-8). */
struct value *value_from_string(const char *text, size_t size);
/* A list of n nulls, to be filled by value_list_set before anybody else sees it. */
struct value *value_list_new(size_t n);
/* Takes the reference to item; its slot must still hold the null. */
void value_list_set(struct value *list, size_t i, struct value *item);

struct value *value_ref(struct value *value);
void value_unref(struct value *value); /* NULL is fine */

/* Appends the JSON text. An exception stands as {"error": {...}}, as gather's return_exceptions has
 * it. */
void value_write(struct buffer *b, const struct value *value);

static inline size_t exception_json_size(const struct value *value)
{
    return value->size - EXCEPTION_WRAPPING;
}

#endif
