#include "runtime/host/host_post_queue.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "schema/allocate.h"

void post_queue_init(struct post_queue *queue, size_t max_posts, size_t max_bytes,
                     int64_t first_delay_ms)
{
    *queue = (struct post_queue){
        .max_posts = max_posts, .max_bytes = max_bytes, .first_delay_ms = first_delay_ms};
    list_init(&queue->targets);
    list_init(&queue->waiting);
    for (int i = 0; i < POST_RETRIES; i++)
        list_init(&queue->delayed[i]);
}

/* ---- targets ---- */

static struct target *find_target(struct post_queue *queue, const char *url)
{
    for (struct list *l = queue->targets.next; l != &queue->targets; l = l->next) {
        struct target *target = CONTAINER_OF(l, struct target, link);
        if (strcmp(target->url, url) == 0)
            return target;
    }
    return NULL;
}

static struct target *new_target(struct post_queue *queue, const char *url)
{
    size_t size = strlen(url) + 1;
    struct target *target = allocate_zeroed(1, sizeof *target + size);
    if (!target)
        return NULL;
    memcpy(target->url, url, size);
    list_init(&target->ready);
    list_append(&queue->targets, &target->link);
    return target;
}

static bool may_have_one(const struct target *target)
{
    return target->n_given < POST_AT_ONCE && !list_is_empty(&target->ready);
}

/* ---- in ---- */

static void make_ready(struct post *post)
{
    list_append(&post->target->ready, &post->link);
}

static void forget(struct post_queue *queue, struct post *post)
{
    struct target *target = post->target;
    queue->n_posts--;
    queue->n_bytes -= post->size;
    if (--target->n_posts == 0) {
        list_remove(&target->link);
        free(target);
    }
    post->target = NULL;
}

static void drop_oldest(struct post_queue *queue, struct list *dropped)
{
    struct post *post = CONTAINER_OF(queue->waiting.next, struct post, age);
    list_remove(&post->age);
    list_remove(&post->link);
    forget(queue, post);
    list_append(dropped, &post->link);
}

static bool is_too_full(const struct post_queue *queue)
{
    return queue->n_posts > queue->max_posts || queue->n_bytes > queue->max_bytes;
}

bool post_queue_add(struct post_queue *queue, const char *url, char *body, size_t size,
                    struct list *dropped)
{
    struct post *post = allocate(sizeof *post);
    struct target *target = find_target(queue, url);
    if (post && !target)
        target = new_target(queue, url);
    if (!post || !target) {
        free(post);
        return false;
    }
    *post = (struct post){.target = target, .body = body, .size = size};
    target->n_posts++;
    make_ready(post);
    list_append(&queue->waiting, &post->age);
    queue->n_posts++;
    queue->n_bytes += size;
    while (is_too_full(queue) && !list_is_empty(&queue->waiting))
        drop_oldest(queue, dropped);
    return true;
}

/* ---- out ---- */

static struct post *first_delayed(const struct post_queue *queue, int retry)
{
    const struct list *list = &queue->delayed[retry];
    return list_is_empty(list) ? NULL : CONTAINER_OF(list->next, struct post, link);
}

static void end_delays(struct post_queue *queue, int64_t now_ms)
{
    for (int i = 0; i < POST_RETRIES; i++)
        for (struct post *post; (post = first_delayed(queue, i)) && post->due_ms <= now_ms;) {
            list_remove(&post->link);
            make_ready(post);
        }
}

struct post *post_queue_next(struct post_queue *queue, int64_t now_ms)
{
    end_delays(queue, now_ms);
    for (struct list *l = queue->targets.next; l != &queue->targets; l = l->next) {
        struct target *target = CONTAINER_OF(l, struct target, link);
        if (!may_have_one(target))
            continue;
        struct post *post = CONTAINER_OF(target->ready.next, struct post, link);
        list_remove(&post->link);
        list_remove(&post->age);
        target->n_given++;
        list_remove(&target->link); /* it had its turn */
        list_append(&queue->targets, &target->link);
        return post;
    }
    return NULL;
}

int64_t post_queue_due_ms(const struct post_queue *queue)
{
    int64_t due_ms = INT64_MAX;
    for (int i = 0; i < POST_RETRIES; i++) {
        const struct post *post = first_delayed(queue, i);
        if (post && post->due_ms < due_ms)
            due_ms = post->due_ms;
    }
    return due_ms;
}

/* ---- back, or away ---- */

bool post_queue_retry(struct post_queue *queue, struct post *post, int64_t now_ms)
{
    if (post->n_retries == POST_RETRIES)
        return false;
    int retry = post->n_retries++;
    post->due_ms = now_ms + (queue->first_delay_ms << retry);
    post->target->n_given--;
    list_append(&queue->delayed[retry], &post->link);
    list_append(&queue->waiting, &post->age);
    return true;
}

void post_queue_end(struct post_queue *queue, struct post *post)
{
    post->target->n_given--;
    forget(queue, post);
}

void post_queue_drop_all(struct post_queue *queue, struct list *dropped)
{
    while (!list_is_empty(&queue->waiting))
        drop_oldest(queue, dropped);
}

void post_free(struct post *post)
{
    free(post->body);
    free(post);
}
