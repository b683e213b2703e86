/* What the poster sends next: lines, turns, delays, bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/host/host_post_queue.h"
#include "tests/suites.h"

extern CU_TestInfo tests_post_queue[];

static void add(struct post_queue *queue, const char *url, const char *body, struct list *dropped)
{
    CU_ASSERT_TRUE(post_queue_add(queue, url, strdup(body), strlen(body), dropped));
}

/* Frees those that were dropped: their bodies, one after another, must be `expected`. */
static void check_dropped(struct list *dropped, const char *expected)
{
    char bodies[64] = "";
    while (!list_is_empty(dropped)) {
        struct post *post = CONTAINER_OF(dropped->next, struct post, link);
        strncat(bodies, post->body, sizeof bodies - strlen(bodies) - 1);
        list_remove(&post->link);
        post_free(post);
    }
    CU_ASSERT_STRING_EQUAL(bodies, expected);
}

static struct post *check_next(struct post_queue *queue, int64_t now_ms, const char *body)
{
    struct post *post = post_queue_next(queue, now_ms);
    CU_ASSERT_PTR_NOT_NULL_FATAL(post);
    CU_ASSERT_STRING_EQUAL(post->body, body);
    return post;
}

static void end(struct post_queue *queue, struct post *post)
{
    post_queue_end(queue, post);
    post_free(post);
}

static void test_turns(void)
{
    static const char *const expected[] = {"1", "a", "2", "3", "4"};
    struct post_queue queue;
    struct post *posts[5];
    struct list dropped;
    list_init(&dropped);
    post_queue_init(&queue, 100, 100, 1);
    for (int i = 1; i <= 6; i++)
        add(&queue, "one", (char[]){(char)('0' + i), 0}, &dropped);
    add(&queue, "two", "a", &dropped);
    for (int i = 0; i < 5; i++)
        posts[i] = check_next(&queue, 0, expected[i]);
    CU_ASSERT_PTR_NULL(post_queue_next(&queue, 0)); /* four to one are enough */
    end(&queue, posts[2]);
    posts[2] = check_next(&queue, 0, "5");
    for (int i = 0; i < 5; i++)
        end(&queue, posts[i]);
    end(&queue, check_next(&queue, 0, "6"));
    CU_ASSERT_EQUAL(queue.n_posts, 0);
    CU_ASSERT_EQUAL(queue.n_bytes, 0);
    CU_ASSERT_TRUE(list_is_empty(&queue.targets));
}

static void test_delays(void)
{
    struct post_queue queue;
    struct list dropped;
    list_init(&dropped);
    post_queue_init(&queue, 100, 100, 500);
    add(&queue, "one", "x", &dropped);
    CU_ASSERT_EQUAL(post_queue_due_ms(&queue), INT64_MAX);
    struct post *post = check_next(&queue, 0, "x");
    int64_t now = 0, delay = 500;
    for (int i = 0; i < POST_RETRIES; i++, delay *= 2) {
        CU_ASSERT_TRUE(post_queue_retry(&queue, post, now));
        CU_ASSERT_EQUAL(post_queue_due_ms(&queue), now + delay);
        CU_ASSERT_PTR_NULL(post_queue_next(&queue, now + delay - 1));
        now += delay;
        post = check_next(&queue, now, "x");
    }
    CU_ASSERT_FALSE(post_queue_retry(&queue, post, now));
    end(&queue, post);
}

static void test_bounds(void)
{
    struct post_queue queue;
    struct list dropped;
    list_init(&dropped);
    post_queue_init(&queue, 3, 10, 1);
    add(&queue, "one", "1", &dropped);
    struct post *given = check_next(&queue, 0, "1"); /* is not dropped, but counts */
    add(&queue, "one", "2", &dropped);
    add(&queue, "one", "3", &dropped);
    add(&queue, "two", "4", &dropped);
    check_dropped(&dropped, "2");
    add(&queue, "two", "12345678", &dropped);
    check_dropped(&dropped, "3");
    add(&queue, "one", "12345678901", &dropped);
    check_dropped(&dropped, "41234567812345678901");
    CU_ASSERT_TRUE(post_queue_retry(&queue, given, 0));
    add(&queue, "two", "5", &dropped);
    post_queue_drop_all(&queue, &dropped);
    check_dropped(&dropped, "15");
    CU_ASSERT_EQUAL(queue.n_posts, 0);
    CU_ASSERT_EQUAL(queue.n_bytes, 0);
    CU_ASSERT_EQUAL(post_queue_due_ms(&queue), INT64_MAX);
    CU_ASSERT_TRUE(list_is_empty(&queue.targets));
}

CU_TestInfo tests_post_queue[] = {
    {"turns", test_turns},
    {"delays", test_delays},
    {"bounds", test_bounds},
    CU_TEST_INFO_NULL,
};
