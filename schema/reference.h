/* References, `${name.path[0].key}`, and the templates in which they stand, as a plan keeps them;
 * and the way from a variable's value to what the path names in it. Pure. [any; values: loop] */
#ifndef AWAITD_SCHEMA_REFERENCE_H
#define AWAITD_SCHEMA_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "schema/value.h"

/* The scope of a coroutine: its arguments (variable 0), and what its create_task and named timeout
 * nodes file. All other scopes go by the node that opens them. */
#define SCOPE_ROOT UINT32_MAX

struct reference_step {
    const char *key; /* as a JSON string, in its quotes; NULL: index */
    size_t key_size;
    int64_t index; /* from the end when negative */
};

struct reference {
    const char *text; /* as it was written, without ${} */
    uint32_t scope, variable;
    uint32_t n_steps;
    const struct reference_step *steps;
};

enum part_kind {
    PART_LITERAL, /* as it stands */
    PART_VALUE,   /* the value's JSON text */
    PART_STRING,  /* the value rendered as text, inside a JSON string */
    PART_TEXT,    /* the value rendered as text */
};

struct template_part {
    enum part_kind kind;
    union {
        struct {
            const char *bytes;
            size_t size;
        } literal;
        const struct reference *reference;
    };
};

/* The parts make JSON text; or, for a text field, the text itself. */
struct template
{
    uint32_t n_parts;
    const struct template_part *parts;
};

/* The template is one reference and nothing else: its value is taken as it is. */
static inline bool template_is_value(const struct template *t)
{
    return t->n_parts == 1 && t->parts[0].kind == PART_VALUE;
}

/* What the reference's path names in the variable's value: a new reference, or NULL when there is
 * no such thing (or no memory: errno). */
struct value *reference_follow(const struct reference *reference, struct value *variable);

/* Appends a value as a part of that kind says. */
void reference_write(struct buffer *b, enum part_kind kind, const struct value *value);

/* The items of a JSON array's text, one after another: the next one at *at, its size in *size,
 * false at the end. Start with *at NULL. `array` is compact JSON, as all values are. */
bool array_next(const char *array, const char **at, size_t *size);

#endif
