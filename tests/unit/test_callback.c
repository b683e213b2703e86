/* Signed URLs: what is written is read, and nothing else is. */
#include <stdlib.h>
#include <string.h>

#include "server/callback.h"
#include "tests/suites.h"

extern CU_TestInfo tests_callback[];

static const char path[] = "/v1/callbacks/";

static struct server server_with(unsigned char secret)
{
    struct server server = {0};
    memset(server.callback_secret, secret, CALLBACK_SECRET_SIZE);
    return server;
}

/* The token alone; the caller frees. */
static char *token_of(const struct server *server, const struct id *id, const char *name)
{
    struct buffer url = {0};
    callback_write(&url, server, id, name);
    CU_ASSERT_FALSE_FATAL(url.failed);
    CU_ASSERT_EQUAL(strncmp(url.bytes, "\"/v1/callbacks/", strlen(path) + 1), 0);
    CU_ASSERT_EQUAL(url.bytes[url.size - 1], '"');
    char *token = strndup(url.bytes + strlen(path) + 1, url.size - strlen(path) - 2);
    CU_ASSERT_EQUAL(
        strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        strlen(token));
    buffer_release(&url);
    return token;
}

static bool is_read(const struct server *server, const char *token)
{
    struct id id;
    char *name;
    bool is_good = callback_read(server, token, &id, &name);
    CU_ASSERT_EQUAL(is_good, name != NULL);
    free(name);
    return is_good;
}

static void what_is_written_is_read(void)
{
    static const char *const names[] = {"a", "ab", "abc", "approval / ñ \"x\"\n", "日本"};
    struct server server = server_with(7);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct id id = id_make(1000 + (int64_t)i, i), found;
        char *token = token_of(&server, &id, names[i]), *name;
        CU_ASSERT_TRUE_FATAL(callback_read(&server, token, &found, &name));
        CU_ASSERT_EQUAL(id_compare(&id, &found), 0);
        CU_ASSERT_STRING_EQUAL(name, names[i]);
        free(name);
        free(token);
    }
}

/* Each character of a good one is changed to each other. */
static void nothing_else_is_read(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct server server = server_with(7);
    struct id id = id_make(1000, 1);
    char *token = token_of(&server, &id, "ab");
    int n_read = 0;
    for (char *at = token; *at; at++)
        for (const char *digit = digits; *digit; digit++) {
            char was = *at;
            *at = *digit;
            n_read += was != *digit && is_read(&server, token);
            *at = was;
        }
    CU_ASSERT_EQUAL(n_read, 0);
    CU_ASSERT_TRUE(is_read(&server, token));
    free(token);
}

static void shorter_and_longer_ones_are_not(void)
{
    struct server server = server_with(7);
    struct id id = id_make(1000, 1);
    char *token = token_of(&server, &id, "abc"), longer[200];
    size_t size = strlen(token);
    static const char *const more[] = {"A", "AA", "AAA", "AAAA", "=", " ", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        strcat(strcpy(longer, token), more[i]);
        CU_ASSERT_FALSE(is_read(&server, longer));
        strcat(strcpy(longer, more[i]), token);
        CU_ASSERT_FALSE(is_read(&server, longer));
    }
    while (size-- > 0) {
        token[size] = '\0';
        CU_ASSERT_FALSE(is_read(&server, token));
    }
    free(token);
}

static void one_of_another_server_is_not(void)
{
    struct server server = server_with(7), other = server_with(8);
    struct id id = id_make(1000, 1);
    char *token = token_of(&server, &id, "a");
    CU_ASSERT_TRUE(is_read(&server, token));
    CU_ASSERT_FALSE(is_read(&other, token));
    free(token);
}

/* ---- the secret ---- */

static void the_secret_is_made_once(void)
{
    struct server server = {0}, again = {0};
    const unsigned char none[CALLBACK_SECRET_SIZE] = {0};
    struct error e = {0};
    CU_ASSERT_EQUAL_FATAL(store_open(&server.store, ":memory:", &e), 0);
    again.store = server.store;
    CU_ASSERT_EQUAL(callback_open(&server, &e), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(server.callback_secret, none, sizeof none), 0);
    CU_ASSERT_EQUAL(callback_open(&again, &e), 0);
    CU_ASSERT_EQUAL(memcmp(server.callback_secret, again.callback_secret, sizeof none), 0);
    store_close(server.store);
}

CU_TestInfo tests_callback[] = {
    {"what_is_written_is_read", what_is_written_is_read},
    {"nothing_else_is_read", nothing_else_is_read},
    {"shorter_and_longer_ones_are_not", shorter_and_longer_ones_are_not},
    {"one_of_another_server_is_not", one_of_another_server_is_not},
    {"the_secret_is_made_once", the_secret_is_made_once},
    CU_TEST_INFO_NULL,
};
