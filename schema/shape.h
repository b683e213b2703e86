/* What an op looks like: data, no behaviour. runtime/ops/ defines one shape per op; schema/ checks
 * specs against them and compiles the fields. Pure. [any] */
#ifndef AWAITD_SCHEMA_SHAPE_H
#define AWAITD_SCHEMA_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_NUMBER,  /* double between min and max */
    FIELD_INTEGER, /* int64 between min and max */
    FIELD_BOOLEAN,
    FIELD_TEXT,      /* a string without NUL */
    FIELD_JSON,      /* any JSON value, kept as a constant */
    FIELD_CHOICE,    /* one of choices; compiled to its index */
    FIELD_TEXT_LIST, /* array of strings, at least min of them */
    FIELD_TEXT_MAP,  /* object of strings, compiled to "KEY=value" texts */
    FIELD_EXCEPTION, /* the type name of an exception that a job may raise */
    FIELD_NODE,      /* one child node */
    FIELD_NODES,     /* array of child nodes, at least min of them */
    FIELD_TASK_NEW,  /* the name under which create_task files its task; compiled to a slot */
    FIELD_TASK_REF,  /* the name of a create_task node anywhere in the job; compiled to its slot */
};

struct field_shape {
    const char *name;
    enum field_type type;
    bool required;
    bool nullable;   /* JSON null is accepted and reads as absent */
    bool spawns;     /* FIELD_NODE(S): each child becomes a task of its own */
    double min, max; /* of numbers; max 0 means no upper limit. min: least length of lists */
    const char *const *choices; /* FIELD_CHOICE, NULL-terminated */
};

#define SHAPE_FIELDS_MAX 16

struct op_shape {
    const char *name;
    const struct field_shape *fields;
    uint8_t n_fields;
    uint32_t one_of; /* bit mask of fields of which exactly one must be there; 0: no such rule */
    uint32_t frame_size; /* bytes of the op's frame */
    bool has_effects;    /* touches the world outside: may start only once the task is on disk */
};

/* The ops that specs may use. */
struct op_table {
    const struct op_shape *const *shapes;
    size_t n;
};

#endif
