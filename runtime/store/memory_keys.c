/* The memory backend: what clients' idempotency keys were used for. A table, whose entries stand in
 * the order of their coming as well: the oldest is the first to go. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/store/memory.h"
#include "schema/allocate.h"

#define BUCKETS_MIN 64

struct memory_key {
    struct memory_key *next; /* in its bucket */
    struct list link;
    struct key_record *record;
};

/* FNV-1a */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    while (*text++);
    return hash;
}

/* Where the pointer to the key is, or would be. There are buckets. */
static struct memory_key **find(const struct memory_keys *keys, const char *scope, const char *key)
{
    uint64_t hash = hash_text(hash_text(0xcbf29ce484222325u, scope), key);
    struct memory_key **link = &keys->buckets[hash & (keys->n_buckets - 1)];
    while (*link &&
           (strcmp((*link)->record->key, key) != 0 || strcmp((*link)->record->scope, scope) != 0))
        link = &(*link)->next;
    return link;
}

/* ---- writing ---- */

/* False when out of memory, and then it is as it was. */
static bool grow(struct memory_keys *keys)
{
    size_t n_wanted = keys->n_buckets ? keys->n_buckets * 2 : BUCKETS_MIN;
    struct memory_key **buckets = allocate_zeroed(n_wanted, sizeof(struct memory_key *));
    if (!buckets)
        return false;
    if (!keys->n_buckets)
        list_init(&keys->in_order);
    free(keys->buckets);
    keys->buckets = buckets;
    keys->n_buckets = n_wanted;
    for (struct list *l = keys->in_order.next; l != &keys->in_order; l = l->next) {
        struct memory_key *key = CONTAINER_OF(l, struct memory_key, link);
        struct memory_key **link = find(keys, key->record->scope, key->record->key);
        key->next = NULL;
        *link = key;
    }
    return true;
}

static void remove_key(struct memory_keys *keys, struct memory_key **link)
{
    struct memory_key *key = *link;
    *link = key->next;
    list_remove(&key->link);
    keys->n--;
    key_record_free(key->record);
    free(key);
}

int memory_use_key(struct memory *m, const struct key_record *given)
{
    struct memory_keys *keys = &m->keys;
    if (!given->answer || (keys->n == keys->n_buckets && !grow(keys)))
        return -ERROR_NO_MEMORY;
    struct memory_key **link = find(keys, given->scope, given->key);
    if (*link && key_is_kept((*link)->record->at_us, given->at_us))
        return -ERROR_REPEATED;
    struct memory_key *key = allocate_zeroed(1, sizeof *key);
    if (key)
        key->record = key_record_copy(given);
    if (!key || !key->record) {
        free(key);
        return -ERROR_NO_MEMORY;
    }
    if (*link)
        remove_key(keys, link);
    key->next = *link;
    *link = key;
    list_append(&keys->in_order, &key->link);
    keys->n++;
    return 0;
}

void memory_free_key(struct memory *m, const struct key_record *given)
{
    remove_key(&m->keys, find(&m->keys, given->scope, given->key));
}

static struct memory_key *oldest(const struct memory_keys *keys)
{
    return keys->n ? CONTAINER_OF(keys->in_order.next, struct memory_key, link) : NULL;
}

void memory_sweep_keys(struct memory *m, int64_t now_us)
{
    struct memory_keys *keys = &m->keys;
    struct memory_key *key;
    size_t n = 0;
    if (!key_sweep_is_due(&m->sweep, now_us))
        return;
    while (n < KEY_SLICE && (key = oldest(keys)) && !key_is_kept(key->record->at_us, now_us)) {
        remove_key(keys, find(keys, key->record->scope, key->record->key));
        n++;
    }
    key_sweep_done(&m->sweep, now_us, n);
}

void memory_free_keys(struct memory *m)
{
    struct memory_key *key;
    while ((key = oldest(&m->keys)))
        memory_free_key(m, key->record);
    free(m->keys.buckets);
}

/* ---- reading ---- */

int memory_get_key(struct store_reader *reader, const char *scope, const char *key, int64_t now_us,
                   struct key_record **out, struct error *e)
{
    struct memory *m = memory_lock_for_reading(reader);
    const struct memory_key *found = m->keys.n ? *find(&m->keys, scope, key) : NULL;
    bool is_there = found && key_is_kept(found->record->at_us, now_us);
    if (is_there)
        *out = key_record_copy(found->record);
    pthread_rwlock_unlock(&m->lock);
    if (!is_there)
        return error_set(e, ERROR_NOT_FOUND, "the key was not used");
    return *out ? 0 : memory_no_memory(e);
}
