/* The real host: libuv's loop on one thread. Only host_uv*.c include <uv.h>; what stands here is
 * opaque to the rest. */
#ifndef AWAITD_RUNTIME_HOST_UV_H
#define AWAITD_RUNTIME_HOST_UV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/host.h"
#include "schema/error.h"

struct host_uv;
struct lag;

struct services;
/* services: their spawner and their backends, borrowed until host_uv_close and until all operations
 * are completed. 0 or -SYSTEM. [any] */
int host_uv_open(struct host_uv **out, const struct services *services, struct error *e);
struct host *host_uv_port(struct host_uv *host);
/* Lets the present or next host_uv_wait return. [any] */
void host_uv_wake(struct host_uv *host);
/* Blocks until something happened or due_ns has come (0: does not block; INT64_MAX: no limit).
 * [loop] */
void host_uv_wait(struct host_uv *host, int64_t due_ns);

/* No process and no operation is started from now on: those that are asked for never begin. [loop]
 */
void host_uv_hold(struct host_uv *host);
size_t host_uv_count_processes(const struct host_uv *host);
/* Processes and operations that are under way. [loop] */
size_t host_uv_count_leaves(const struct host_uv *host);
/* What processes print is not read for now (nor their input written), so that they have to wait;
 * or it is again. [loop] */
void host_uv_hold_output(struct host_uv *host, bool is_held);
/* Sends a signal to every process group that runs. [loop] */
void host_uv_signal_processes(struct host_uv *host, int signal);

/* Of this loop. [any] */
const struct lag *host_uv_lag(const struct host_uv *host);

void host_uv_close(struct host_uv *host); /* [any] after the loop's thread has ended */

#endif
