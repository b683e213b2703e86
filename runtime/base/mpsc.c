#include "runtime/base/mpsc.h"

#include <stddef.h>

bool mpsc_push(struct mpsc *q, struct mpsc_node *node)
{
    struct mpsc_node *newest = atomic_load_explicit(&q->newest, memory_order_relaxed);
    do
        node->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&q->newest, &newest, node, memory_order_release,
                                                  memory_order_relaxed));
    return newest == NULL;
}

struct mpsc_node *mpsc_take_all(struct mpsc *q)
{
    struct mpsc_node *node = atomic_exchange_explicit(&q->newest, NULL, memory_order_acquire);
    struct mpsc_node *oldest = NULL;
    while (node) {
        struct mpsc_node *next = node->next;
        node->next = oldest;
        oldest = node;
        node = next;
    }
    return oldest;
}
