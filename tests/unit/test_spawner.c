#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/spawner/spawner.h"
#include "runtime/spawner/spawner_protocol.h"
#include "runtime/spawner/spawner_sweep.h"
#include "tests/suites.h"

#define PATIENCE_MS 30000

static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};

struct fixture {
    struct spawner *spawner;
    int channel, out; /* what the last child prints */
};

static struct fixture open_fixture(void)
{
    struct fixture f = {0};
    struct error e = {0};
    CU_ASSERT_EQUAL_FATAL(spawner_start(&f.spawner, &e), 0);
    f.channel = spawner_open_channel(f.spawner);
    CU_ASSERT_FATAL(f.channel >= 0);
    return f;
}

static void close_fixture(struct fixture *f)
{
    close(f->channel);
    spawner_stop(f->spawner);
}

/* sh -c line, with what it prints into f->out. */
static int run(struct fixture *f, uint64_t id, const char *line)
{
    const char *const argv[] = {"sh", "-c", line, NULL};
    int fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    struct spawn_request request = {
        .id = id, .argv = argv, .env = env, .fds = {-1, fds[1], -1, -1}};
    int status = spawner_run(f->channel, &request);
    close(fds[1]);
    f->out = fds[0];
    return status;
}

static void expect_output(int fd, const char *expected)
{
    char text[200] = "";
    size_t size = 0;
    ssize_t n;
    while ((n = read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)n;
    close(fd);
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void expect_exit(struct fixture *f, uint64_t id, int expected)
{
    int status = 1000;
    CU_ASSERT_EQUAL(spawner_wait(f->channel, id, PATIENCE_MS, &status), 1);
    CU_ASSERT_EQUAL(status, expected);
}

static void it_runs_and_exits(void)
{
    struct fixture f = open_fixture();
    CU_ASSERT_EQUAL(run(&f, 7, "echo said; exit 3"), 0);
    expect_output(f.out, "said\n");
    expect_exit(&f, 7, 3);
    CU_ASSERT_TRUE(spawner_is_alive(f.spawner));
    close_fixture(&f);
}

static void it_gets_signals(void)
{
    struct fixture f = open_fixture();
    int status;
    CU_ASSERT_EQUAL(run(&f, 1, "sleep 3600"), 0);
    CU_ASSERT_EQUAL(spawner_wait(f.channel, 1, 0, &status), 0);
    CU_ASSERT_EQUAL(spawner_send_signal(f.channel, 2, SIGKILL), 0); /* nobody */
    CU_ASSERT_EQUAL(spawner_send_signal(f.channel, 1, SIGUSR1), 0);
    expect_exit(&f, 1, -SIGUSR1);
    expect_output(f.out, "");
    close_fixture(&f);
}

static void it_cannot_be_started(void)
{
    struct fixture f = open_fixture();
    const char *const argv[] = {"awaitd-no-such-program", NULL};
    struct spawn_request request = {.argv = argv, .env = env, .fds = {-1, -1, -1, -1}};
    CU_ASSERT_EQUAL(spawner_run(f.channel, &request), -ENOENT);
    request.cwd = "/nonexistent";
    CU_ASSERT_EQUAL(spawner_run(f.channel, &request), -ENOENT);
    close_fixture(&f);
}

static void it_gets_a_socket_of_its_own(void)
{
    struct fixture f = open_fixture();
    const char *const argv[] = {"sh", "-c", "cat <&3 >&3", NULL};
    char text[8] = "";
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct spawn_request request = {.argv = argv, .env = env, .fds = {-1, -1, -1, ends[1]}};
    CU_ASSERT_EQUAL(spawner_run(f.channel, &request), 0);
    close(ends[1]);
    CU_ASSERT_EQUAL(write(ends[0], "ping", 4), 4);
    shutdown(ends[0], SHUT_WR);
    CU_ASSERT_EQUAL(recv(ends[0], text, sizeof text, MSG_WAITALL), 4);
    CU_ASSERT_STRING_EQUAL(text, "ping");
    expect_exit(&f, 0, 0);
    close(ends[0]);
    close_fixture(&f);
}

static void a_closed_channel_ends_its_children(void)
{
    struct fixture f = open_fixture();
    int other = spawner_open_channel(f.spawner);
    CU_ASSERT_FATAL(other >= 0);
    CU_ASSERT_EQUAL(run(&f, 1, "trap '' TERM HUP; sleep 3600 & sleep 3600"), 0);
    int out = f.out;
    close(f.channel);
    f.channel = other;
    expect_output(out, ""); /* it has ended */
    CU_ASSERT_EQUAL(run(&f, 1, "echo lives"), 0);
    expect_output(f.out, "lives\n");
    close_fixture(&f);
}

static void stopping_it_ends_all(void)
{
    struct fixture f = open_fixture();
    CU_ASSERT_EQUAL(run(&f, 1, "(setsid sh -c 'sleep 3600; sleep 3600' &) ; sleep 3600"), 0);
    int status, out = f.out;
    spawner_stop(f.spawner);
    expect_output(out, "");
    CU_ASSERT_EQUAL(spawner_wait(f.channel, 1, PATIENCE_MS, &status), -EPIPE);
    CU_ASSERT_EQUAL(run(&f, 2, "true"), -EPIPE);
    close(f.out);
    close(f.channel);
}

/* It has more channels than a program has descriptors by default, which its children have. */
static void many_channels(void)
{
    struct rlimit usual, few = {64, 64};
    int channels[100];
    getrlimit(RLIMIT_NOFILE, &usual);
    few.rlim_max = usual.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    struct fixture f = open_fixture();
    setrlimit(RLIMIT_NOFILE, &usual);
    for (int i = 0; i < 100; i++)
        CU_ASSERT_FATAL((channels[i] = spawner_open_channel(f.spawner)) >= 0);
    close(f.channel);
    f.channel = channels[99]; /* once that is heard, so are those before it */
    CU_ASSERT_EQUAL(run(&f, 1, "ulimit -n"), 0);
    expect_output(f.out, "64\n");
    for (int i = 0; i < 99; i++)
        close(channels[i]);
    close_fixture(&f);
}

static void words_too_large_for_a_packet(void)
{
    struct fixture f = open_fixture();
    size_t size = 100000;
    char *word = malloc(size + 1);
    memset(word, 'x', size);
    word[size] = '\0';
    const char *const argv[] = {"sh", "-c", "test ${#1} = 100000", "sh", word, NULL};
    struct spawn_request request = {.argv = argv, .env = env, .cwd = "/", .fds = {-1, -1, -1, -1}};
    CU_ASSERT_EQUAL(spawner_run(f.channel, &request), 0);
    expect_exit(&f, 0, 0);
    free(word);
    close_fixture(&f);
}

/* Somebody's else's packets, cut off or senseless: they are refused, and nothing else happens. */
static void senseless_packets(void)
{
    int ends[2];
    struct packet *packet = malloc(sizeof *packet);
    struct spawn_request request;
    struct packet_header header = {.verb = PACKET_START, .size = 3, .start = {.n_argv = 2}};
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    CU_ASSERT_EQUAL(send(ends[0], &header, 5, 0), 5);
    CU_ASSERT_EQUAL(packet_receive(ends[1], packet), -EPROTO);
    CU_ASSERT_EQUAL(send(ends[0], &header, sizeof header, 0), sizeof header);
    CU_ASSERT_EQUAL(packet_receive(ends[1], packet), -EPROTO);
    CU_ASSERT_EQUAL(packet_send(ends[0], &header, "ab", NULL, 0), 0);
    CU_ASSERT_EQUAL(packet_receive(ends[1], packet), 1);
    CU_ASSERT_EQUAL(packet_read_start(packet, &request), -EPROTO); /* one word of two */
    packet_release(packet);
    header.start.n_argv = 0;
    CU_ASSERT_EQUAL(packet_send(ends[0], &header, "ab", NULL, 0), 0);
    CU_ASSERT_EQUAL(packet_receive(ends[1], packet), 1);
    CU_ASSERT_EQUAL(packet_read_start(packet, &request), -EPROTO); /* none at all */
    packet_release(packet);
    close(ends[0]);
    CU_ASSERT_EQUAL(packet_receive(ends[1], packet), 0);
    close(ends[1]);
    free(packet);
}

static bool is_the_one(void *context, pid_t pid)
{
    return pid == *(pid_t *)context;
}

static pid_t fork_sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        pause();
        _exit(0);
    }
    setpgid(pid, pid);
    return pid;
}

static void sweep_all_but_one(bool has_list)
{
    struct sweep sweep;
    int status;
    pid_t kept = fork_sleeper(), left = fork_sleeper();
    sweep_init(&sweep);
    CU_ASSERT_TRUE(sweep.list >= 0);
    if (!has_list) {
        close(sweep.list);
        sweep.list = -1;
    }
    CU_ASSERT_EQUAL(sweep_children(&sweep, is_the_one, &kept), 1);
    CU_ASSERT_EQUAL(waitpid(left, &status, 0), left);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    CU_ASSERT_EQUAL(sweep_children(&sweep, is_the_one, &kept), 0);
    CU_ASSERT_EQUAL(waitpid(kept, &status, WNOHANG), 0);
    kill(kept, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(kept, &status, 0), kept);
    sweep_release(&sweep);
}

static void a_sweep_by_the_list(void)
{
    sweep_all_but_one(true);
}

static void a_sweep_of_all_processes(void)
{
    sweep_all_but_one(false);
}

CU_TestInfo tests_spawner[] = {
    {"it_runs_and_exits", it_runs_and_exits},
    {"it_gets_signals", it_gets_signals},
    {"it_cannot_be_started", it_cannot_be_started},
    {"it_gets_a_socket_of_its_own", it_gets_a_socket_of_its_own},
    {"a_closed_channel_ends_its_children", a_closed_channel_ends_its_children},
    {"stopping_it_ends_all", stopping_it_ends_all},
    {"many_channels", many_channels},
    {"words_too_large_for_a_packet", words_too_large_for_a_packet},
    {"senseless_packets", senseless_packets},
    {"a_sweep_by_the_list", a_sweep_by_the_list},
    {"a_sweep_of_all_processes", a_sweep_of_all_processes},
    CU_TEST_INFO_NULL,
};
