/* Doubly linked list whose links live in the elements. A head is initialised to point to itself; an
 * element that is in no list may be removed again without harm. [any, one thread at a time] */
#ifndef AWAITD_RUNTIME_BASE_LIST_H
#define AWAITD_RUNTIME_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

static inline void list_init(struct list *l)
{
    l->next = l->previous = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_append(struct list *head, struct list *element)
{
    element->previous = head->previous;
    element->next = head;
    head->previous->next = element;
    head->previous = element;
}

static inline void list_prepend(struct list *head, struct list *element)
{
    list_append(head->next, element);
}

static inline void list_remove(struct list *element)
{
    element->previous->next = element->next;
    element->next->previous = element->previous;
    list_init(element);
}

#endif
