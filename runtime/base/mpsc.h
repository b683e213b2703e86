/* Queue from many threads to one, without locks: any thread pushes, the one consumer takes all at
 * once in the order of the pushes. Nodes live in what is queued; a pushed node belongs to the queue
 * until it was taken. */
#ifndef AWAITD_RUNTIME_BASE_MPSC_H
#define AWAITD_RUNTIME_BASE_MPSC_H

#include <stdatomic.h>
#include <stdbool.h>

struct mpsc_node {
    struct mpsc_node *next;
};

struct mpsc {
    _Atomic(struct mpsc_node *) newest; /* start with NULL */
};

/* [any] True when the queue was empty: then, and only then, the consumer has to be woken. */
bool mpsc_push(struct mpsc *q, struct mpsc_node *node);
/* [any] The same for several at once, oldest first, linked by next: nobody takes only some of them.
 */
bool mpsc_push_all(struct mpsc *q, struct mpsc_node *first);
/* [consumer] Everything that was queued, oldest first, linked by next; NULL when empty. */
struct mpsc_node *mpsc_take_all(struct mpsc *q);

#endif
