#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config.h"
#include "tests/suites.h"

static char *const nothing[] = {NULL};

/* The words after the program's name, up to NULL. */
static int read_words(struct config *config, char *const *words, char *const *environment,
                      struct error *e)
{
    char *argv[16] = {(char *)(uintptr_t) "awaitd"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = words[argc - 1];
    return config_read(config, argc, argv, environment, e);
}

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static void test_sizes(void)
{
    size_t size;
    CU_ASSERT_TRUE(config_parse_size("1", &size) && size == 1);
    CU_ASSERT_TRUE(config_parse_size("64MiB", &size) && size == 64 << 20);
    CU_ASSERT_TRUE(config_parse_size("10k", &size) && size == 10240);
    CU_ASSERT_TRUE(config_parse_size("2gib", &size) && size == 2ul << 30);
    CU_ASSERT_FALSE(config_parse_size("", &size));
    CU_ASSERT_FALSE(config_parse_size("0", &size));
    CU_ASSERT_FALSE(config_parse_size("-1", &size));
    CU_ASSERT_FALSE(config_parse_size("1x", &size));
    CU_ASSERT_FALSE(config_parse_size("1Mi", &size));
    CU_ASSERT_FALSE(config_parse_size("1 M", &size));
    CU_ASSERT_FALSE(config_parse_size("99999999999999999999", &size));
    CU_ASSERT_FALSE(config_parse_size("18446744073709551615k", &size));
}

static void test_defaults(void)
{
    struct config config;
    struct error e;
    CU_ASSERT_EQUAL(read_words(&config, nothing, nothing, &e), 0);
    CU_ASSERT_STRING_EQUAL(config.listen, "127.0.0.1:8080");
    CU_ASSERT_STRING_EQUAL(config.db, "awaitd.db");
    CU_ASSERT_STRING_EQUAL(config.allow_hosts, "");
    CU_ASSERT_EQUAL(config.max_body, 64u << 20);
    CU_ASSERT_EQUAL(config.max_open_tasks, 1000000);
    CU_ASSERT_EQUAL(config.loops, 1);
    CU_ASSERT_EQUAL(config.slow_callback, 0.1);
    CU_ASSERT_FALSE(retention_has_limit(&config.retention));
    CU_ASSERT_PTR_NULL(config.backup_dir);
    CU_ASSERT_EQUAL(config.crash_loop, 5);
    CU_ASSERT_EQUAL(config.quarantine, 3);
    CU_ASSERT_EQUAL(config.log_level, LOG_INFO);
    config_release(&config);
}

static void test_flags(void)
{
    struct config config;
    struct error e;
    CU_ASSERT_EQUAL(read_words(&config,
                               WORDS("serve", "--listen=[::1]:1", "--allow-host", "a", "--db",
                                     ":memory:", "--allow-host", "b,c", "--log-format", "json"),
                               nothing, &e),
                    0);
    CU_ASSERT_STRING_EQUAL(config.listen, "[::1]:1");
    CU_ASSERT_STRING_EQUAL(config.db, ":memory:");
    CU_ASSERT_STRING_EQUAL(config.allow_hosts, "a,b,c");
    CU_ASSERT_EQUAL(config.log_format, LOG_JSON);
    config_release(&config);
}

static void test_crashes(void)
{
    struct config config;
    struct error e;
    char *environment[] = {(char *)(uintptr_t) "AWAITD_CRASH_LOOP=0",
                           (char *)(uintptr_t) "AWAITD_QUARANTINE=7", NULL};
    CU_ASSERT_EQUAL(read_words(&config, nothing, environment, &e), 0);
    CU_ASSERT_EQUAL(config.crash_loop, 0);
    CU_ASSERT_EQUAL(config.quarantine, 7);
    config_release(&config);
    CU_ASSERT_EQUAL(read_words(&config, WORDS("--crash-loop", "1000"), environment, &e), 0);
    CU_ASSERT_EQUAL(config.crash_loop, 1000);
    config_release(&config);
}

static void test_loops(void)
{
    struct config config;
    struct error e;
    char *environment[] = {(char *)(uintptr_t) "AWAITD_LOOPS=64", NULL};
    CU_ASSERT_EQUAL(read_words(&config, WORDS("--slow-callback", "0"), environment, &e), 0);
    CU_ASSERT_EQUAL(config.loops, 64);
    CU_ASSERT_EQUAL(config.slow_callback, 0);
    config_release(&config);
    CU_ASSERT_EQUAL(read_words(&config, WORDS("--slow-callback=1.5", "--loops=2"), environment, &e),
                    0);
    CU_ASSERT_EQUAL(config.loops, 2);
    CU_ASSERT_EQUAL(config.slow_callback, 1.5);
    config_release(&config);
}

/* A flag wins over the environment, that over the file, that over the default. */
static void test_who_wins(void)
{
    char path[] = "/tmp/awaitd-test-XXXXXX", variable[64];
    static const char text[] =
        "# a comment\n\n listen = f:1 \ndb=f\nmax-body = 3\nallow-host = f\n";
    struct config config;
    struct error e;
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    snprintf(variable, sizeof variable, "AWAITD_CONFIG=%s", path);
    char *environment[] = {variable, (char *)(uintptr_t) "AWAITD_LISTEN=e:1",
                           (char *)(uintptr_t) "AWAITD_DB=e", NULL};
    CU_ASSERT_EQUAL(read_words(&config, WORDS("--listen", "w:1"), environment, &e), 0);
    CU_ASSERT_STRING_EQUAL(config.listen, "w:1");
    CU_ASSERT_STRING_EQUAL(config.db, "e");
    CU_ASSERT_STRING_EQUAL(config.allow_hosts, "f");
    CU_ASSERT_EQUAL(config.max_body, 3);
    config_release(&config);
    unlink(path);
}

static void check_refused(char *const *words, const char *said)
{
    struct config config;
    struct error e = {0};
    CU_ASSERT_EQUAL(read_words(&config, words, nothing, &e), -ERROR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, said));
    config_release(&config);
}

static void test_refused(void)
{
    check_refused(WORDS("--lisen", "x"), "did you mean --listen?");
    check_refused(WORDS("--nothing-like-it"), "--help lists them");
    check_refused(WORDS("--db"), "--db needs a value: --db FILE");
    check_refused(WORDS("--db", ""), "--db: '' must not be empty");
    check_refused(WORDS("--max-open-tasks", "1k"), "must be a whole number above 0");
    check_refused(WORDS("--loops", "0"), "must be a whole number from 1 to 64");
    check_refused(WORDS("--loops", "65"), "must be a whole number from 1 to 64");
    check_refused(WORDS("--crash-loop", "-1"), "must be a whole number from 0 to 1000");
    check_refused(WORDS("--quarantine", "1001"), "must be a whole number from 0 to 1000");
    check_refused(WORDS("--slow-callback", "-1"), "must be a number of seconds");
    check_refused(WORDS("--slow-callback", "soon"), "must be a number of seconds");
    check_refused(WORDS("--log-level", "loud"), "must be debug, info, warning or error");
    check_refused(WORDS("--help=yes"), "--help takes no value");
    check_refused(WORDS("serve", "serve"), "'serve' is not understood");
    check_refused(WORDS("--"), "'--' is not understood");
}

CU_TestInfo tests_config[] = {
    {"sizes", test_sizes},     {"defaults", test_defaults}, {"flags", test_flags},
    {"crashes", test_crashes}, {"loops", test_loops},       {"who wins", test_who_wins},
    {"refused", test_refused}, CU_TEST_INFO_NULL,
};
