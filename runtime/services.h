/* What the jobs of all loops share, besides each other: who carries out their operations, and what
 * they may do. Made by main before the runtime opens, closed after it has closed; read-only, or
 * thread-safe, in between. [any] */
#ifndef AWAITD_RUNTIME_SERVICES_H
#define AWAITD_RUNTIME_SERVICES_H

#include "runtime/exec_policy.h"
#include "runtime/operation.h"
#include "runtime/spawner/spawner.h"
#include "runtime/executor/worker_process.h"
#include "schema/plan.h"

struct executors;
struct functions;
struct plugins;
struct net;

struct services {
    struct operation_backend *backends[OPERATION_KINDS];
    struct spawner *spawner; /* NULL: no program can be run */
    struct exec_policy exec;
    struct functions *functions;
    struct plugins *plugins; /* whose functions are among these; NULL: none */
    const char *worker_argv[4];
    struct worker_command workers;
    struct executors *executors; /* NULL: there are none, as in simulated time */
    struct net *net;             /* host_net.h; NULL in tests */
};

/* For plan_options: whether each node may be run here, as far as can be known before it is
 * (op.check). Borrows the services. */
struct node_check services_check(const struct services *services);

#endif
