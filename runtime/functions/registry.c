/* All that is built in: one line each. */
#include "runtime/functions/functions.h"

#define FUNCTIONS(X)                                                                               \
    X(base64)                                                                                      \
    X(compress)                                                                                    \
    X(decompress)                                                                                  \
    X(echo)                                                                                        \
    X(hash)                                                                                        \
    X(json_query)                                                                                  \
    X(noop)                                                                                        \
    X(primes)                                                                                      \
    X(sleep)                                                                                       \
    X(sort)

#define DECLARE(name) extern const struct function function_##name;
FUNCTIONS(DECLARE)

const struct function *const built_in_functions[] = {
#define ENTRY(name) &function_##name,
    FUNCTIONS(ENTRY) NULL};
