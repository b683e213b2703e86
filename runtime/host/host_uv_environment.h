/* What a child process gets to see of the server's environment. [any] */
#ifndef AWAITD_RUNTIME_HOST_UV_ENVIRONMENT_H
#define AWAITD_RUNTIME_HOST_UV_ENVIRONMENT_H

#include <stdbool.h>

/* `given` ("KEY=value", NULL-terminated, or NULL), on top of PATH, HOME, LANG and TZ of ours or, if
 * it inherits, on top of all of ours. One block, for free(); borrows the texts. */
char **environment_new(const char *const *given, bool inherits);

#endif
