#include "server/claims.h"

#include "runtime/base/bug.h"
#include "server/request.h"

void claims_init(struct claims *claims)
{
    pthread_mutex_init(&claims->lock, NULL);
    for (size_t i = 0; i < CLAIM_BUCKETS; i++)
        list_init(&claims->buckets[i]);
}

void claims_release(struct claims *claims)
{
    pthread_mutex_destroy(&claims->lock);
}

/* NULL: nobody has it. */
static struct claim *find(struct list *bucket, const struct id *id)
{
    for (struct list *l = bucket->next; l != bucket; l = l->next) {
        struct claim *claim = CONTAINER_OF(l, struct claim, link);
        if (id_compare(&claim->id, id) == 0)
            return claim;
    }
    return NULL;
}

bool claim_id(struct request *request, void (*again)(struct request *request))
{
    struct claims *claims = &request->server->claims;
    struct claim *mine = &request->claim;
    mine->id = request->id;
    list_init(&mine->waiting);
    struct list *bucket = &claims->buckets[mine->id.bytes[sizeof mine->id.bytes - 1]];
    pthread_mutex_lock(&claims->lock);
    struct claim *other = find(bucket, &mine->id);
    if (other)
        request_park(request, again); /* before anybody can find it in the line */
    list_append(other ? &other->waiting : bucket, &mine->link);
    pthread_mutex_unlock(&claims->lock);
    return !other;
}

/* Those who waited ask again: the first of them gets it, if it is free. */
void claim_release(struct request *request)
{
    struct claims *claims = &request->server->claims;
    struct list *waiting = &request->claim.waiting;
    pthread_mutex_lock(&claims->lock);
    list_remove(&request->claim.link);
    pthread_mutex_unlock(&claims->lock);
    while (!list_is_empty(waiting)) {
        struct claim *claim = CONTAINER_OF(waiting->next, struct claim, link);
        list_remove(&claim->link);
        request_wake(CONTAINER_OF(claim, struct request, claim));
    }
}
