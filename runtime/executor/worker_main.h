/* A worker process: this same program as `awaitd worker`, which nobody types. It runs the functions
 * of a process executor, one call after another, and may die of them. [main] */
#ifndef AWAITD_RUNTIME_WORKER_MAIN_H
#define AWAITD_RUNTIME_WORKER_MAIN_H

#define WORKER_COMMAND "worker"

/* main of `awaitd worker [DIR]`, DIR the plugins' folder. Standard input is the socket to the
 * server (worker_frame.h); until that ends. The exit status. */
int worker_main(int argc, char *const *argv);

#endif
