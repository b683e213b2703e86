/* An HTTP server on a free port of 127.0.0.1, in a thread of the test, that notes what it gets. */
#ifndef AWAITD_TESTS_UNIT_RECEIVER_H
#define AWAITD_TESTS_UNIT_RECEIVER_H

#include <pthread.h>

#define RECEIVER_NUMBERS 1000

/* A request for /NUMBER is answered with that status. 302 and 307 lead to /204, 308 to a file. */
struct receiver {
    struct MHD_Daemon *daemon;
    unsigned port;
    pthread_mutex_t lock; /* of all below, while it may get something */
    int n_failures;       /* so many more requests are answered 500 */
    int n_requests;
    char line[64], type[64], agent[64], body[64]; /* of the last one */
    int numbers[RECEIVER_NUMBERS];                /* of bodies that are one: how often each */
};

void receiver_start(struct receiver *receiver);
void receiver_stop(struct receiver *receiver);

/* A port at which nobody ever answers; with a backlog, the kernel accepts so many connections, else
 * they are refused. The descriptor, to be closed. */
int deaf_socket(int backlog, unsigned *port);

#endif
