/* The parameters of a definition: what a call's arguments must be. Each is described by a few words
 * of JSON Schema. Pure. [any] */
#ifndef AWAITD_SCHEMA_PARAMETER_H
#define AWAITD_SCHEMA_PARAMETER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Lives in the plan. */
struct parameter {
    const char *name;
    const char *initial;        /* JSON text of the default; NULL: required */
    const char *const *choices; /* enum: JSON texts, NULL-terminated; NULL: any */
    double minimum, maximum;    /* infinite when not given */
    double min_length, max_length;
    unsigned types; /* bits 1 << json_typeof(), TYPE_INTEGER for whole reals; 0: any */
};
#define TYPE_WHOLE (1u << 31) /* "integer" */

struct parameters {
    uint32_t n;
    const struct parameter *list;
};

struct argument_error {
    bool is_type;     /* TypeError, else ValueError */
    const char *name; /* the argument's, borrowed; NULL: it is about all of them */
    char text[300];
};

/* Who hears of what is wrong, one fault after another. */
struct argument_listener {
    void (*hear)(struct argument_listener *self, const struct argument_error *e);
};

/* The arguments with the defaults of those that were not given: a new object; or NULL, and the
 * listener has heard all that is wrong (of nothing: there is no memory). given: an object. The
 * values of those in `unknown` (an object with their names, or NULL) are references, not known yet.
 */
json_t *parameters_bind(const struct parameters *parameters, const char *coroutine,
                        const json_t *given, const json_t *unknown,
                        struct argument_listener *listener);

/* The same for one who raises what is wrong, as Python does it: the first fault is in *e. */
json_t *parameters_bind_or_fail(const struct parameters *parameters, const char *coroutine,
                                const json_t *given, struct argument_error *e);

#endif
