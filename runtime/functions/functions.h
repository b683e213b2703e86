/* The built-in functions, one file each, and what several of them need. [worker] */
#ifndef AWAITD_RUNTIME_FUNCTIONS_FUNCTIONS_H
#define AWAITD_RUNTIME_FUNCTIONS_FUNCTIONS_H

#include "runtime/executor/function.h"

/* NULL-terminated. */
extern const struct function *const built_in_functions[];

/* Bytes that came as an argument. */
struct bytes {
    const unsigned char *data;
    size_t size;
    unsigned char *owned; /* free() it; NULL: they are the argument's */
};

/* Of the arguments `names` (NULL-terminated) exactly one may be given; its index, or -1 and it has
 * raised. */
int function_one_of(struct function_call *call, const char *const *names);
/* The bytes of a text; or those that one in base64 stands for. False: it has raised. */
bool bytes_from(struct function_call *call, const char *name, bool is_base64, struct bytes *out);
/* Returns them as text, which they must be, or in base64. */
void bytes_return(struct function_call *call, const unsigned char *data, size_t size,
                  bool as_base64);

/* What a function does when it sees that it is cancelled: nobody will hear it. */
void function_give_up(struct function_call *call);

#endif
