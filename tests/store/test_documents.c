/* Documents, for every backend. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/buffer.h"
#include "tests/store/fixture.h"

/* Waits; the status, and where it is 0, when the document was made according to the request. */
static int wait_for_put(struct write *write, int64_t *created_at_us)
{
    while (sem_wait(&write->done) != 0)
        ;
    sem_post(&write->done);
    *created_at_us = write->request.document.created_at_us;
    return write_wait(write);
}

static int put(const char *kind, const char *name, const char *body, int64_t at_us)
{
    struct write *write = write_document(STORE_PUT, kind, name, body, at_us);
    write_submit(write);
    return write_wait(write);
}

static struct write *write_new_document(const char *kind, const char *name, const char *body,
                                        int64_t at_us)
{
    struct write *write = write_document(STORE_PUT, kind, name, body, at_us);
    write->request.only_new = true;
    return write;
}

static int put_new(const char *kind, const char *name, const char *body, int64_t at_us)
{
    struct write *write = write_new_document(kind, name, body, at_us);
    write_submit(write);
    return write_wait(write);
}

static int take_away(const char *kind, const char *name)
{
    struct write *write = write_document(STORE_REMOVE, kind, name, NULL, 0);
    write_submit(write);
    return write_wait(write);
}

/* body NULL: there is none. */
static void check_document(const char *kind, const char *name, const char *body,
                           int64_t created_at_us, int64_t updated_at_us)
{
    struct document *got = NULL;
    struct error e = {0};
    int rc = store_get_document(fixture.reader, kind, name, &got, &e);
    CU_ASSERT_EQUAL_FATAL(rc, body ? 0 : -ERROR_NOT_FOUND);
    if (!body) {
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, kind));
        return;
    }
    CU_ASSERT_STRING_EQUAL(got->kind, kind);
    CU_ASSERT_STRING_EQUAL(got->name, name);
    CU_ASSERT_STRING_EQUAL(got->body, body);
    CU_ASSERT_EQUAL(got->created_at_us, created_at_us);
    CU_ASSERT_EQUAL(got->updated_at_us, updated_at_us);
    document_free(got);
}

/* ---- one ---- */

static void test_put_and_get(void)
{
    check_document("loop", "a", NULL, 0, 0);
    CU_ASSERT_EQUAL(put("loop", "a", "{\"n\":1}", 5), 0);
    CU_ASSERT_EQUAL(put("loop", "é\"\\\n", "\"ü\"", 6), 0);
    CU_ASSERT_EQUAL(put("group", "a", "[]", 7), 0);
    check_document("loop", "a", "{\"n\":1}", 5, 5);
    check_document("loop", "é\"\\\n", "\"ü\"", 6, 6);
    check_document("group", "a", "[]", 7, 7);
    check_document("group", "é\"\\\n", NULL, 0, 0);
    check_document("loop", "A", NULL, 0, 0);
    check_document("loo", "pa", NULL, 0, 0);
}

static void test_put_again(void)
{
    int64_t created_at_us;
    struct document *before = NULL;
    struct error e;
    struct write *write = write_document(STORE_PUT, "loop", "a", "1", 5);
    write_submit(write);
    CU_ASSERT_EQUAL(wait_for_put(write, &created_at_us), 0);
    CU_ASSERT_EQUAL(created_at_us, 5);
    CU_ASSERT_EQUAL_FATAL(store_get_document(fixture.reader, "loop", "a", &before, &e), 0);
    write = write_document(STORE_PUT, "loop", "a", "{\"other\":2}", 9);
    write_submit(write);
    CU_ASSERT_EQUAL(wait_for_put(write, &created_at_us), 0);
    CU_ASSERT_EQUAL(created_at_us, 5);
    check_document("loop", "a", "{\"other\":2}", 5, 9);
    CU_ASSERT_STRING_EQUAL(before->body, "1");
    document_free(before);
}

static void test_put_only_new(void)
{
    CU_ASSERT_EQUAL(put_new("loop", "a", "1", 5), 0);
    CU_ASSERT_EQUAL(put_new("loop", "a", "2", 6), -ERROR_CONFLICT);
    check_document("loop", "a", "1", 5, 5);
    CU_ASSERT_EQUAL(put_new("loop", "b", "3", 7), 0);
    CU_ASSERT_EQUAL(put_new("group", "a", "4", 8), 0);
    CU_ASSERT_EQUAL(put("loop", "a", "5", 9), 0);
    check_document("loop", "a", "5", 5, 9);
}

static void test_remove(void)
{
    CU_ASSERT_EQUAL(take_away("loop", "a"), -ERROR_NOT_FOUND);
    put("loop", "a", "1", 5);
    put("loop", "b", "2", 5);
    put("group", "a", "3", 5);
    CU_ASSERT_EQUAL(take_away("loop", "a"), 0);
    CU_ASSERT_EQUAL(take_away("loop", "a"), -ERROR_NOT_FOUND);
    check_document("loop", "a", NULL, 0, 0);
    check_document("loop", "b", "2", 5, 5);
    check_document("group", "a", "3", 5, 5);
    CU_ASSERT_EQUAL(put_new("loop", "a", "4", 6), 0);
    check_document("loop", "a", "4", 6, 6);
}

static void test_large_body(void)
{
    enum { SIZE = 1000000 };
    char *body = malloc(SIZE + 1);
    memset(body, '1', SIZE);
    body[SIZE] = '\0';
    CU_ASSERT_EQUAL(put("coroutine", "a", body, 5), 0);
    check_document("coroutine", "a", body, 5, 5);
    CU_ASSERT_EQUAL(put("coroutine", "a", "{}", 6), 0);
    check_document("coroutine", "a", "{}", 5, 6);
    free(body);
}

/* ---- many ---- */

/* Page by page, as "name=body ". */
static void check_list(const char *kind, size_t page, const char *expected)
{
    struct document *documents[10];
    struct buffer text = {0};
    char last[40];
    const char *after = NULL;
    struct error e = {0};
    size_t n;
    buffer_text(&text, "");
    do {
        CU_ASSERT_EQUAL_FATAL(
            store_list_documents(fixture.reader, kind, after, page, documents, &n, &e), 0);
        CU_ASSERT_FATAL(n <= page);
        for (size_t i = 0; i < n; i++) {
            CU_ASSERT_STRING_EQUAL(documents[i]->kind, kind);
            buffer_format(&text, "%s=%s ", documents[i]->name, documents[i]->body);
            after = strcpy(last, documents[i]->name);
            document_free(documents[i]);
        }
    } while (n == page);
    CU_ASSERT_STRING_EQUAL(text.bytes, expected);
    buffer_release(&text);
}

static void test_list(void)
{
    static const char *const names[] = {"b", "é", "a", "aa", "B", "a b", "10", "9"};
    struct document *documents[2];
    struct error e;
    size_t n = 99;
    for (size_t i = 0; i < 8; i++) {
        char body[8];
        snprintf(body, sizeof body, "%zu", i);
        CU_ASSERT_EQUAL(put("loop", names[i], body, 5), 0);
    }
    put("loo", "zz", "0", 5);
    put("loops", "A", "1", 5);
    for (size_t page = 1; page <= 10; page++) {
        check_list("loop", page, "10=6 9=7 B=4 a=2 a b=5 aa=3 b=0 é=1 ");
        check_list("loo", page, "zz=0 ");
        check_list("group", page, "");
    }
    CU_ASSERT_EQUAL(store_list_documents(fixture.reader, "loop", NULL, 0, documents, &n, &e), 0);
    CU_ASSERT_EQUAL(n, 0);
    /* after a name that nobody has */
    CU_ASSERT_EQUAL(store_list_documents(fixture.reader, "loop", "aaa", 2, documents, &n, &e), 0);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_STRING_EQUAL(documents[0]->name, "b");
    document_free(documents[0]);
    document_free(documents[1]);
    CU_ASSERT_EQUAL(store_list_documents(fixture.reader, "loop", "é", 2, documents, &n, &e), 0);
    CU_ASSERT_EQUAL(n, 0);
}

static void test_one_batch_in_order(void)
{
    static const int expected[] = {0, -ERROR_CONFLICT, 0, 0, -ERROR_NOT_FOUND, 0, 0};
    writer_hold();
    struct write *writes[] = {
        write_new_document("loop", "a", "1", 1),
        write_new_document("loop", "a", "2", 2),
        write_document(STORE_PUT, "loop", "a", "3", 3),
        write_document(STORE_REMOVE, "loop", "a", NULL, 0),
        write_document(STORE_REMOVE, "loop", "a", NULL, 0),
        write_new_document("loop", "a", "4", 4),
        write_new(STORE_INSERT, task_new(1)),
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        write_submit(writes[i]);
    check_document("loop", "a", NULL, 0, 0);
    writer_release();
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        CU_ASSERT_EQUAL(write_wait(writes[i]), expected[i]);
    check_document("loop", "a", "4", 4, 4);
    struct task_record *got = look_up(1, STORE_SPEC); /* its spec is still found */
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_PTR_NOT_NULL(got->spec);
    task_record_unref(got);
}

/* ---- threads ---- */

enum { N_THREADS = 4, N_ROUNDS = 100 };

struct worker {
    pthread_t thread;
    char name[8];
    int n_wrong;
};

/* Each has a name of its own to put and remove, one that all fight for, and reads the whole list.
 */
static void *work(void *context)
{
    struct worker *worker = context;
    struct store_reader *reader;
    struct document *got, *documents[N_THREADS + 1];
    struct error e;
    size_t n;
    worker->n_wrong += store_reader_open(&reader, fixture.store, &e) != 0;
    for (int64_t i = 1; i <= N_ROUNDS; i++) {
        worker->n_wrong += put("loop", worker->name, "{}", i) != 0;
        worker->n_wrong += put("loop", "all", worker->name, i) != 0;
        if (store_get_document(reader, "loop", worker->name, &got, &e) == 0) {
            worker->n_wrong += got->created_at_us != i;
            document_free(got);
        } else
            worker->n_wrong++;
        worker->n_wrong +=
            store_list_documents(reader, "loop", NULL, N_THREADS + 1, documents, &n, &e) != 0;
        worker->n_wrong += n < 2;
        while (n > 0)
            document_free(documents[--n]);
        worker->n_wrong += take_away("loop", worker->name) != 0;
    }
    store_reader_close(reader);
    return NULL;
}

static void test_many_threads(void)
{
    struct worker workers[N_THREADS] = {0};
    for (unsigned i = 0; i < N_THREADS; i++) {
        snprintf(workers[i].name, sizeof workers[i].name, "%u", i);
        CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < N_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        CU_ASSERT_EQUAL(workers[i].n_wrong, 0);
    }
}

CU_TestInfo tests_documents[] = {
    {"put and get", test_put_and_get},
    {"put again", test_put_again},
    {"put only new", test_put_only_new},
    {"remove", test_remove},
    {"large body", test_large_body},
    {"list", test_list},
    {"one batch in order", test_one_batch_in_order},
    {"many threads", test_many_threads},
    CU_TEST_INFO_NULL,
};
