/* The libraries of the host allocate as the engine does: where there is no memory they draw on the
 * reserve (runtime/base/reserve.h), and never hear of it. [main, before they are used] */
#ifndef AWAITD_RUNTIME_HOST_HOST_MEMORY_H
#define AWAITD_RUNTIME_HOST_HOST_MEMORY_H

#include <stdbool.h>

/* libuv would abort in some places. */
void host_memory_for_uv(void);
/* In place of curl_global_init, as often as that. False: out of memory. */
bool host_memory_for_curl(void);

/* OpenSSL, which what it needs is loaded into only once, on the first use: when that failed it is
 * not tried again. Call it before that. */
void host_memory_for_openssl(void);

#endif
