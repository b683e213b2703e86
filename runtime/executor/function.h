/* Functions: ordinary ones, which may block and compute, by their names; what the op `thread` calls
 * and executors run. Built in (runtime/functions/) or a plugin's.
 *
 * A function's run() is called on a thread of an executor, or in a worker process, with arguments
 * that fit its parameters. It calls function_return… or function_raise once, and should look at
 * function_is_cancelled now and then: when that is true nobody wants its result any more. */
#ifndef AWAITD_RUNTIME_FUNCTION_H
#define AWAITD_RUNTIME_FUNCTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "runtime/base/list.h"
#include "runtime/operation.h"
#include "runtime/store/mark.h"
#include "schema/buffer.h"
#include "schema/error.h"
#include "schema/parameter.h"

struct executor;
struct function_call;
struct worker;

struct function {
    const char *name;
    const char *summary;                     /* a sentence */
    const char *parameters_json;             /* an object, as a definition's "parameters" */
    void (*run)(struct function_call *call); /* [worker] */
    const void *context;                     /* a plugin's */
    bool is_contained; /* runs in a worker process wherever it is called: what it is made of
                        * may crash on what it is given */
    bool reads_files;  /* what the argument `file` names: where jobs may run any program anyway */
    struct parameters parameters; /* filled in by functions_add */
};

/* ---- all that there are; filled at the start, read-only after [any] ---- */

struct functions;

/* With the built-in ones; NULL and *e. The caller owns it. */
struct functions *functions_new(struct error *e);
void functions_free(struct functions *functions);
/* One more. Copies the description; its texts and context are borrowed until functions_free. 0;
 * -CONFLICT: there is one of that name; -INVALID: the parameters are no good. */
int functions_add(struct functions *functions, const struct function *function, struct error *e);
/* NULL: there is none. */
const struct function *functions_find(const struct functions *functions, const char *name);
/* The one that was probably meant, or NULL. */
const char *functions_nearest(const struct functions *functions, const char *name);
/* By name, in alphabetical order. */
size_t functions_count(const struct functions *functions);
const struct function *functions_at(const struct functions *functions, size_t i);

/* ---- a call ---- */

/* What a running function can ask of the world around it. One for the threads of an executor, one
 * for a worker process, one with virtual time. [worker] */
struct function_port {
    bool (*is_cancelled)(struct function_call *call);
    void (*progress)(struct function_call *call, double fraction, const char *message);
    /* Blocks for so long; with ends_early returns once the call is cancelled. */
    void (*wait)(struct function_call *call, double seconds, bool ends_early);
};

struct function_call {
    struct operation operation; /* first: its answer is the call's */
    const struct function *function;
    char *given; /* owned: the JSON text of the arguments as they came, an object; NULL: none */
    size_t given_size;
    char *executor; /* owned: its name; NULL: the default one */
    bool is_marked; /* while it runs inside the server: by this */
    struct crash_mark mark;
    /* from here on whoever runs it */
    const struct function_port *port;
    void *context; /* the port's */
    json_t *args;  /* while it runs: bound, with defaults; borrowed by the function */
    enum { CALL_QUEUED, CALL_RUNNING, CALL_OVER } state; /* executor.c's */
    bool is_abandoned;                                   /* given up while it runs */
    struct executor *queue;
    struct worker *worker; /* that runs it */
    struct list link;      /* in the queue */
};

/* given: the JSON text of the arguments, taken; empty: none. Copies the executor's name (NULL: the
 * default one). For operation_free. */
struct function_call *function_call_new(const struct function *function, struct buffer *given,
                                        const char *executor);
/* Whether arguments fit a function: a new object of them with the defaults; or NULL and *e. */
json_t *function_bind(const struct function *function, const char *given, size_t size,
                      struct argument_error *e);

/* Binds the arguments and runs the function: afterwards call->operation.answer is there, whatever
 * the function did. The port must be set. [worker] */
void function_call_run(struct function_call *call);

/* ---- for functions [worker] ---- */

/* The result: takes the JSON text (from malloc, NUL-terminated); it is checked. */
void function_return(struct function_call *call, char *text, size_t size);
void function_return_buffer(struct function_call *call, struct buffer *text); /* empties it */
void function_return_json(struct function_call *call, json_t *value);         /* takes it */
void function_return_text(struct function_call *call, const char *text, size_t size); /* UTF-8 */
/* Raises an exception: the name of its type, and a message. */
void function_raise(struct function_call *call, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool function_is_cancelled(struct function_call *call);
void function_progress(struct function_call *call, double fraction, const char *message);
void function_wait(struct function_call *call, double seconds, bool ends_early);

/* The argument of that name; NULL when it was not given and has no default. */
const json_t *function_argument(const struct function_call *call, const char *name);
/* Text, or NULL. */
const char *function_text(const struct function_call *call, const char *name, size_t *size);
bool function_flag(const struct function_call *call, const char *name);
double function_number(const struct function_call *call, const char *name);

#endif
