/* Immutable values of a running job: JSON as compact text, lists that share their items,
 * exceptions, and handles of what only the runtime knows. Reference counted without atomics: a
 * value belongs to one loop's thread. Constants of a plan are immortal and therefore shared freely.
 * [loop] */
#ifndef AWAITD_SCHEMA_VALUE_H
#define AWAITD_SCHEMA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/buffer.h"

enum value_kind { VALUE_TEXT, VALUE_LIST, VALUE_JOINED, VALUE_EXCEPTION, VALUE_HANDLE };

#define VALUE_IMMORTAL UINT32_MAX
/* Lists nested deeper are refused by whoever makes them, so that walking one may recurse. */
#define VALUE_DEPTH_MAX 500
/* What an exception drags along (its context, and theirs) is left out where the text is longer. */
#define VALUE_CONTEXTS_MAX (16 << 20)

struct value {
    uint32_t refs;
    uint16_t kind;  /* enum value_kind */
    uint16_t depth; /* of nested lists: 0 for text */
    size_t size;    /* bytes of its JSON text, known without writing it; contexts come on top */
};

struct value_text {
    struct value base;
    char bytes[]; /* base.size of them and a NUL */
};

/* VALUE_LIST; or VALUE_JOINED: pieces of JSON text and values that make one text when they are
 * written one behind the other; exceptions stand as their error objects there. */
struct value_list {
    struct value base;
    size_t n;
    struct value *items[]; /* owns a reference to each */
};

/* An exception is, as in Python, one object for all who see it, and its context changes when it is
 * raised again while another one is being handled. What never changes stands as JSON text.
 * base.size is that of {"error":{...}}, its form as an item of a list. */
struct exception {
    struct value base;
    bool is_cancelled;             /* a CancelledError */
    bool hides_context;            /* raised `from None` */
    bool is_on_path;               /* being written */
    uint8_t type_size;             /* the type's name stands in json, from EXCEPTION_TYPE_AT on */
    uint32_t node;                 /* the plan's node that raised it */
    uint32_t json_size;            /* bytes of json */
    struct value *cause, *context; /* __cause__, __context__: exceptions or NULL; owned */
    struct value *exceptions;      /* of a group: a list of exceptions, owned; else NULL */
    struct exception *next,
        **link;  /* among those whose context was changed (runtime/exception.c) */
    char json[]; /* {"type":...,"message":...,"path":...,...: not closed */
};
#define EXCEPTION_TYPE_AT 9   /* strlen("{\"type\":\"") */
#define EXCEPTION_WRAPPING 11 /* strlen("{\"error\":}}") */

/* Something of the runtime's: begins with this. Never shown. */
struct value_handle {
    struct value base; /* .kind VALUE_HANDLE, .refs 1 */
    void (*release)(struct value_handle *handle);
};

extern struct value *const value_null, *const value_true, *const value_false; /* immortal */

/* Copies the text; NULL when out of memory. */
struct value *value_from_text(const char *text, size_t size);
/* The JSON string that says `text` (UTF-8). */
struct value *value_from_string(const char *text, size_t size);
/* A list of n nulls, to be filled by value_list_set before anybody else sees it. */
struct value *value_list_new(size_t n);
/* A VALUE_JOINED of n pieces. */
struct value *value_joined_new(size_t n);
/* Takes the reference to item; its slot must still hold the null it was made with. */
void value_list_set(struct value *list, size_t i, struct value *item);

struct value *value_ref(struct value *value);
void value_unref(struct value *value); /* NULL is fine */

/* Appends the JSON text. An exception stands as {"error": {...}}, as gather's return_exceptions has
 * it; a handle as null. */
void value_write(struct buffer *b, const struct value *value);
/* Appends an exception's error object, {"type":...,"message":...,...}. */
void exception_write(struct buffer *b, const struct value *exception);

#endif
