/* What other threads may say to a loop: a message is embedded in what it is about, posted once
 * through the loop's inbox, and handled on the loop's thread. */
#ifndef AWAITD_RUNTIME_MESSAGE_H
#define AWAITD_RUNTIME_MESSAGE_H

#include "runtime/base/mpsc.h"

struct loop;

struct message {
    struct mpsc_node node;
    void (*handle)(struct loop *loop, struct message *message); /* [loop]; may free it */
};

struct job;

/* Something from outside that happens as a callback of a job's turn. `call` gets the job, or NULL
 * when that is given up before. [loop] */
struct job_call {
    void (*call)(struct job_call *self, struct job *job);
};

#endif
