/* The table of groups, by their ids. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/groups.h"

#define BUCKETS_MIN 16

/* The last eight bytes of an id are random (schema/id.h). */
static struct group **bucket_of(const struct groups *groups, const struct id *id)
{
    uint64_t random;
    memcpy(&random, id->bytes + 8, sizeof random);
    return &groups->table[(size_t)(random >> 8) & (groups->n_buckets - 1)];
}

static void add(struct groups *groups, struct group *group)
{
    struct group **bucket = bucket_of(groups, &group->record.id);
    group->next = *bucket;
    *bucket = group;
}

static void grow(struct groups *groups)
{
    struct group **old = groups->table;
    size_t n_old = groups->n_buckets;
    groups->n_buckets = n_old ? n_old * 2 : BUCKETS_MIN;
    groups->table = memory_new_zeroed(groups->n_buckets, sizeof(struct group *));
    for (size_t i = 0; i < n_old; i++)
        for (struct group *group = old[i], *next; group; group = next) {
            next = group->next;
            add(groups, group);
        }
    free(old);
}

void groups_put(struct groups *groups, struct group *group)
{
    if (groups->n == groups->n_buckets)
        grow(groups);
    add(groups, group);
    groups->n++;
}

void groups_remove(struct groups *groups, struct group *group)
{
    struct group **link = bucket_of(groups, &group->record.id);
    while (*link != group)
        link = &(*link)->next;
    *link = group->next;
    groups->n--;
}

struct group *groups_find(const struct groups *groups, const struct id *id)
{
    struct group *group = groups->n ? *bucket_of(groups, id) : NULL;
    while (group && id_compare(&group->record.id, id) != 0)
        group = group->next;
    return group;
}

void groups_release(struct groups *groups)
{
    for (size_t i = 0; i < groups->n_buckets; i++)
        while (groups->table[i]) {
            struct group *group = groups->table[i];
            groups_remove(groups, group);
            group_free(group);
        }
    free(groups->table);
}
