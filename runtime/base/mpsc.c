#include "runtime/base/mpsc.h"

#include <stddef.h>

/* Those from the newest to the oldest, already linked. */
static bool push(struct mpsc *q, struct mpsc_node *last, struct mpsc_node *first)
{
    struct mpsc_node *newest = atomic_load_explicit(&q->newest, memory_order_relaxed);
    do
        first->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&q->newest, &newest, last, memory_order_release,
                                                  memory_order_relaxed));
    return newest == NULL;
}

bool mpsc_push(struct mpsc *q, struct mpsc_node *node)
{
    return push(q, node, node);
}

static struct mpsc_node *reverse(struct mpsc_node *node)
{
    struct mpsc_node *reversed = NULL;
    while (node) {
        struct mpsc_node *next = node->next;
        node->next = reversed;
        reversed = node;
        node = next;
    }
    return reversed;
}

bool mpsc_push_all(struct mpsc *q, struct mpsc_node *first)
{
    return push(q, reverse(first), first);
}

struct mpsc_node *mpsc_take_all(struct mpsc *q)
{
    return reverse(atomic_exchange_explicit(&q->newest, NULL, memory_order_acquire));
}
