/* Worker processes: this program itself, as `unit-tests worker` (suites.c), started by a spawner.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/executor/plugin.h"
#include "runtime/executor/worker_main.h"
#include "runtime/executor/worker_process.h"
#include "tests/suites.h"
#include "tests/unit/call_fixture.h"

#define BIG (16 << 20)

struct fixture {
    struct spawner *spawner;
    struct functions *functions;
    struct plugins *plugins;
    const char *argv[4];
    struct worker_command command;
    struct worker_process *worker;
    char path[200]; /* of a pipe for functions to speak through */
    int pipe;
};

static void set_up(struct fixture *f)
{
    const char *const names[] = {"misbehave", NULL};
    const char *folder = plugin_folder(names);
    memset(f, 0, sizeof *f);
    CU_ASSERT_EQUAL_FATAL(spawner_start(&f->spawner, NULL), 0);
    f->functions = functions_new(NULL);
    CU_ASSERT_EQUAL_FATAL(plugins_open(&f->plugins, folder, 0, f->functions, NULL), 0);
    f->argv[0] = "/proc/self/exe";
    f->argv[1] = WORKER_COMMAND;
    f->argv[2] = folder;
    f->command = (struct worker_command){f->spawner, f->argv, (const char *const *)environ};
    f->worker = worker_process_new(&f->command);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->worker);
    snprintf(f->path, sizeof f->path, "%s/pipe", folder);
    CU_ASSERT_EQUAL_FATAL(mkfifo(f->path, 0600), 0);
    f->pipe = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void tear_down(struct fixture *f)
{
    close(f->pipe);
    if (f->worker)
        worker_process_free(f->worker);
    spawner_stop(f->spawner);
    functions_free(f->functions);
    plugins_close(f->plugins);
    plugin_folder_remove();
}

static void check(struct fixture *f, const char *name, const char *args, const char *expected)
{
    struct function_call *call = call_new(f->functions, name, args, NULL);
    worker_process_run(f->worker, call);
    call_check(call, expected);
}

static pid_t ask_pid(struct fixture *f)
{
    struct function_call *call = call_new(f->functions, "pid", NULL, NULL);
    worker_process_run(f->worker, call);
    CU_ASSERT_PTR_NULL_FATAL(call->operation.answer.type);
    pid_t pid = atoi(call->operation.answer.text);
    operation_free(&call->operation);
    return pid;
}

/* Blocks until it is there. */
static void read_pipe(struct fixture *f, char *text, size_t size)
{
    struct pollfd fd = {.fd = f->pipe, .events = POLLIN};
    CU_ASSERT_EQUAL_FATAL(poll(&fd, 1, 60000), 1);
    ssize_t n = read(f->pipe, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
}

static size_t count_descriptors(void)
{
    size_t n = 0;
    DIR *open = opendir("/proc/self/fd");
    while (readdir(open))
        n++;
    closedir(open);
    return n;
}

/* ---- */

static void test_calls(void)
{
    struct fixture f;
    set_up(&f);
    pid_t pid = ask_pid(&f);
    CU_ASSERT(pid > 0 && pid != getpid());
    check(&f, "echo", "{\"value\": [1, 2.0, \"\\u0000é\"]}", "[1,2.0,\"\\u0000é\"]");
    check(&f, "same", "{\"text\": \"x\"}", "{\"text\":\"x\",\"n\":1.5}");
    check(&f, "same", NULL, "TypeError: same() missing a required argument: 'text'");
    check(&f, "raises", NULL, "shop.SoldOut: no »tea« left");
    check(&f, "prints", NULL, "\"printed\"");
    check(&f, "both", NULL,
          "RuntimeError: the function 'both' of plugin misbehave.so returned both a result and an "
          "error");
    CU_ASSERT_EQUAL(ask_pid(&f), pid);
    worker_process_free(f.worker);
    f.worker = NULL;
    CU_ASSERT(kill(pid, 0) < 0 && errno == ESRCH);
    tear_down(&f);
}

static void test_ends(void)
{
    struct fixture f;
    set_up(&f);
    check(&f, "crash", NULL,
          "BrokenProcessPool: the worker process crashed (SIGSEGV) while it ran 'crash'");
    check(&f, "leave", NULL,
          "BrokenProcessPool: the worker process exited with status 3 while it ran 'leave'");
    check(&f, "scribble", NULL,
          "BrokenProcessPool: the worker process said what cannot be understood while it ran "
          "'scribble'");
    check(&f, "noop", NULL, "null");
    tear_down(&f);
}

/* What functions leave behind does not spoil the calls that come after them. */
static void test_left_behind(void)
{
    struct fixture f;
    set_up(&f);
    pid_t pid = ask_pid(&f);
    check(&f, "mutters", NULL, "\"left\"");
    check(&f, "splits", NULL, "\"split\"");
    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(ask_pid(&f), pid);
    tear_down(&f);
}

static void test_many_crashes(void)
{
    struct fixture f;
    set_up(&f);
    check(&f, "noop", NULL, "null");
    size_t n = count_descriptors();
    for (int i = 0; i < 100; i++)
        check(&f, i % 2 ? "leave" : "crash", NULL,
              i % 2 ? "BrokenProcessPool: the worker process exited with status 3 while it ran "
                      "'leave'"
                    : "BrokenProcessPool: the worker process crashed (SIGSEGV) while it ran "
                      "'crash'");
    check(&f, "noop", NULL, "null");
    CU_ASSERT_EQUAL(count_descriptors(), n);
    tear_down(&f);
}

/* Killed from outside, between two calls. */
static void test_killed_while_idle(void)
{
    struct fixture f;
    set_up(&f);
    pid_t pid = ask_pid(&f);
    int fd = pidfd_open(pid, 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(poll(&ended, 1, 60000), 1);
    close(fd);
    CU_ASSERT_NOT_EQUAL(ask_pid(&f), pid);
    tear_down(&f);
}

static void test_large(void)
{
    struct fixture f;
    struct buffer args = {0}, result = {0};
    set_up(&f);
    buffer_text(&args, "{\"text\":\"");
    for (int i = 0; i < BIG / 16; i++)
        buffer_text(&args, "sixteen letters.");
    buffer_add(&result, args.bytes, args.size);
    buffer_text(&args, "\",\"n\":0}");
    buffer_text(&result, "\",\"n\":0}");
    for (int i = 0; i < 2; i++)
        check(&f, "same", args.bytes, result.bytes);
    buffer_release(&args);
    buffer_release(&result);
    tear_down(&f);
}

static const char late[] = "BrokenProcessPool: the worker process was killed, as 'same' did not "
                           "stop when it was cancelled";

/* Killed while it has read half of a call: the next one does not begin in the middle. */
static void test_cancel_large(void)
{
    struct fixture f;
    struct buffer args = {0};
    set_up(&f);
    buffer_text(&args, "{\"text\":\"");
    for (int i = 0; i < BIG / 16; i++)
        buffer_text(&args, "sixteen letters.");
    buffer_text(&args, "\"}");
    for (int i = 0; i < 2; i++) {
        pid_t pid = ask_pid(&f);
        kill(pid, SIGSTOP);
        struct function_call *call = call_new(f.functions, "same", args.bytes, NULL);
        call_give_up(call);
        worker_process_run(f.worker, call);
        call_check(call, late);
        CU_ASSERT(kill(pid, 0) < 0 && errno == ESRCH);
    }
    buffer_release(&args);
    tear_down(&f);
}

static void test_progress(void)
{
    struct fixture f;
    struct call_report report = {0};
    set_up(&f);
    struct function_call *call = call_new(f.functions, "chatters", NULL, &report);
    worker_process_run(f.worker, call);
    call_check(call, "\"done\"");
    CU_ASSERT_EQUAL(report.n, 100000);
    CU_ASSERT_EQUAL(report.fraction, 0.99999);
    CU_ASSERT_STRING_EQUAL(report.message, "a message that is neither long nor short");
    tear_down(&f);
}

/* ---- cancellation, from another thread ---- */

struct canceller {
    struct fixture *fixture;
    struct function_call *call;
    char said[100];
};

/* Once the function has said that it runs. */
static void *cancel(void *context)
{
    struct canceller *c = context;
    read_pipe(c->fixture, c->said, sizeof c->said);
    call_give_up(c->call);
    worker_process_wake(c->fixture->worker);
    return NULL;
}

/* The process that the call was in. */
static pid_t check_cancelled(struct fixture *f, const char *name, const char *expected)
{
    char args[300];
    pthread_t thread;
    snprintf(args, sizeof args, "{\"path\": \"%s\"}", f->path);
    struct canceller c = {.fixture = f, .call = call_new(f->functions, name, args, NULL)};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, cancel, &c), 0);
    worker_process_run(f->worker, c.call);
    pthread_join(thread, NULL);
    call_check(c.call, expected);
    CU_ASSERT_EQUAL(strncmp(c.said, "here ", 5), 0);
    return atoi(c.said + 5);
}

static void test_cancel(void)
{
    struct fixture f;
    set_up(&f);
    pid_t pid = check_cancelled(&f, "stuck",
                                "BrokenProcessPool: the worker process was killed, as 'stuck' did "
                                "not stop when it was cancelled");
    CU_ASSERT(kill(pid, 0) < 0 && errno == ESRCH);
    tear_down(&f);
}

/* It ends by itself, so the process stays. */
static void test_cancel_polite(void)
{
    struct fixture f;
    set_up(&f);
    pid_t pid = check_cancelled(&f, "polite", "\"stopped\"");
    CU_ASSERT_EQUAL(ask_pid(&f), pid);
    check(&f, "sleep", "{\"seconds\": 0.01}", "0.01");
    tear_down(&f);
}

/* ---- starts that fail ---- */

static void test_bad_folder(void)
{
    struct fixture f;
    set_up(&f);
    f.argv[2] = "/nowhere";
    check(&f, "noop", NULL,
          "BrokenProcessPool: a worker process cannot be started: cannot read the folder of "
          "plugins /nowhere: No such file or directory");
    f.argv[2] = NULL;
    check(&f, "noop", NULL, "null");
    check(&f, "same", "{\"text\":\"x\"}",
          "RuntimeError: the worker process has no function 'same'");
    tear_down(&f);
}

static void test_bad_program(void)
{
    struct fixture f;
    set_up(&f);
    f.argv[0] = "/nowhere";
    check(&f, "noop", NULL,
          "BrokenProcessPool: a worker process cannot be started: No such file or directory");
    f.argv[0] = "/bin/false";
    check(&f, "noop", NULL,
          "BrokenProcessPool: a worker process exited with status 1 while it was started");
    tear_down(&f);
}

static void test_no_spawner(void)
{
    struct fixture f;
    set_up(&f);
    pid_t pid = ask_pid(&f);
    spawner_stop(f.spawner);
    CU_ASSERT(kill(pid, 0) < 0 && errno == ESRCH);
    check(&f, "noop", NULL, "BrokenProcessPool: a worker process cannot be started: Broken pipe");
    CU_ASSERT_EQUAL_FATAL(spawner_start(&f.spawner, NULL), 0);
    f.command.spawner = f.spawner;
    tear_down(&f);
}

CU_TestInfo tests_worker_process[] = {
    {"calls", test_calls},
    {"ends", test_ends},
    {"left behind", test_left_behind},
    {"many crashes", test_many_crashes},
    {"killed while idle", test_killed_while_idle},
    {"large", test_large},
    {"cancel large", test_cancel_large},
    {"progress", test_progress},
    {"cancel", test_cancel},
    {"cancel polite", test_cancel_polite},
    {"bad folder", test_bad_folder},
    {"bad program", test_bad_program},
    {"no spawner", test_no_spawner},
    CU_TEST_INFO_NULL,
};
