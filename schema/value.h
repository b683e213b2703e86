/* Immutable values of a running job: JSON as compact text, lists that share their items, and (defined
 * by runtime/exception.h) exceptions. Reference counted without atomics: a value belongs to one
 * loop's thread. Constants of a plan are immortal and therefore shared freely. [loop] */
#ifndef AWAITD_SCHEMA_VALUE_H
#define AWAITD_SCHEMA_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "schema/buffer.h"

enum value_kind { VALUE_TEXT, VALUE_LIST, VALUE_EXCEPTION };

#define VALUE_IMMORTAL UINT32_MAX

struct value {
    uint32_t refs;
    uint32_t kind; /* enum value_kind */
    size_t size;   /* bytes of its JSON text: known without writing it */
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

extern struct value *const value_null; /* the immortal JSON null */

/* Copies the text; NULL when out of memory. */
struct value *value_from_text(const char *text, size_t size);
/* A list of n nulls, to be filled by value_list_set before anybody else sees it. */
struct value *value_list_new(size_t n);
/* Takes the reference to item. */
void value_list_set(struct value *list, size_t i, struct value *item);

struct value *value_ref(struct value *value);
void value_unref(struct value *value); /* NULL is fine; does not recurse deeper than job trees do */

/* Appends the JSON text. An exception stands as {"error": {...}}, as gather's return_exceptions has it. */
void value_write(struct buffer *b, const struct value *value);

#endif
