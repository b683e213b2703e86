/* A list of mpsc nodes in the order in which they were added, for whoever collects before handing
 * on. [any, one thread at a time] */
#ifndef AWAITD_RUNTIME_BASE_CHAIN_H
#define AWAITD_RUNTIME_BASE_CHAIN_H

#include <stddef.h>

#include "runtime/base/mpsc.h"

/* Linked by node.next. `end` is where the next one goes. */
struct chain {
    struct mpsc_node *first, **end;
};

static inline void chain_init(struct chain *chain)
{
    chain->first = NULL;
    chain->end = &chain->first;
}

static inline void chain_add(struct chain *chain, struct mpsc_node *node)
{
    node->next = NULL;
    *chain->end = node;
    chain->end = &node->next;
}

/* All of it, oldest first; the chain is empty then. */
static inline struct mpsc_node *chain_take_all(struct chain *chain)
{
    struct mpsc_node *first = chain->first;
    chain_init(chain);
    return first;
}

#endif
