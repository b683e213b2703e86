/* What an op looks like: data, no behaviour. runtime/ops/ defines one shape per op; schema/ checks
 * specs against them and compiles the fields. Pure. [any] */
#ifndef AWAITD_SCHEMA_SHAPE_H
#define AWAITD_SCHEMA_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_NUMBER,    /* double between min and max */
    FIELD_INTEGER,   /* int64 between min and max */
    FIELD_BOOLEAN,   /* true or false; with a min: true */
    FIELD_TEXT,      /* a string without NUL */
    FIELD_JSON,      /* any JSON value, kept as a constant */
    FIELD_CHOICE,    /* one of choices; compiled to its index */
    FIELD_TEXT_LIST, /* array of strings, at least min of them */
    FIELD_TEXT_MAP,  /* object of strings, compiled to "KEY=value" texts */
    FIELD_TIME,      /* RFC 3339, compiled to microseconds since the epoch */
    FIELD_EXCEPTION, /* the type name of an exception that a job may raise */
    FIELD_BYTES,     /* a string, which stands for its UTF-8, or {"base64": …}; min: least size */
    FIELD_RECORD,    /* an object with the fields of the shape `inner` */
    FIELD_RECORDS,   /* array of such objects, at least min of them */
    FIELD_NODE,      /* one child node; with `inner`: inside a node of that shape */
    FIELD_NODES,     /* array of child nodes, at least min of them */

    /* Words that say what other things are: they hold no references. */
    FIELD_EXCEPTIONS,  /* array of names of exception types to match, at least one */
    FIELD_CLAUSES,     /* array of objects, each compiled as a node of the shape `inner` */
    FIELD_VARIABLE,    /* the name of what the node's children see as ${name} */
    FIELD_TASK_NEW,    /* the name under which create_task files its task */
    FIELD_TASK_REF,    /* the name of a create_task node anywhere in the coroutine */
    FIELD_TIMEOUT_NEW, /* the name of a timeout node */
    FIELD_TIMEOUT_REF, /* the name of a timeout node: around this one, or anywhere in the coroutine
                        */
    FIELD_FUTURE,      /* the name of one of the job's futures */
    FIELD_COROUTINE,   /* the name of a definition; compiled to its index in the plan */
    FIELD_ARGUMENTS,   /* the object of arguments for the FIELD_COROUTINE of the same node */
};
#define FIELD_FIRST_WORD FIELD_EXCEPTIONS

/* What a node's children may refer to. */
enum scope_kind {
    SCOPE_NOTHING,
    SCOPE_STEPS, /* the results of named children that come before */
    SCOPE_VALUE, /* one value, which the op sets: FIELD_VARIABLE names it */
    SCOPE_GIVEN, /* the same, but the scope is made by whoever creates the task */
};

struct op_shape;

struct field_shape {
    const char *name;
    enum field_type type;
    bool required;
    bool nullable; /* JSON null is accepted and reads as absent */
    bool spawns;   /* FIELD_NODE(S): each child becomes a task of its own */
    bool late;     /* its references are evaluated when the op asks for it (frame_evaluate) */
    double min,
        max; /* of numbers; max 0 means no upper limit. min: least length of lists and texts */
    const char *const *choices;   /* FIELD_CHOICE, NULL-terminated */
    const struct op_shape *inner; /* FIELD_CLAUSES, FIELD_NODE, FIELD_RECORD(S) */
};

#define SHAPE_FIELDS_MAX 16

struct op_shape {
    const char *name;
    const struct field_shape *fields;
    uint8_t n_fields;
    uint32_t one_of; /* bit mask of fields of which exactly one must be there; 0: no such rule */
    uint32_t frame_size; /* bytes of the op's frame */
    enum scope_kind scope;
    const char
        *variable;    /* SCOPE_VALUE, SCOPE_GIVEN: its name when no field names it; NULL: none */
    bool is_hidden;   /* not in the spec: adds nothing to paths, and trees do not show it */
    bool has_effects; /* touches the world outside: may start only once the task is on disk */
};

/* The ops that specs may use. */
struct op_table {
    const struct op_shape *const *shapes;
    size_t n;
};

#endif
