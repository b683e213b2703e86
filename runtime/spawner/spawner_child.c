/* The child shares the spawner's memory until its program runs, and the spawner waits for that. So
 * it only makes system calls, and says what failed by writing it down. */
#include "runtime/spawner/spawner_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/limits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE (64 << 10)
#define SEARCHED "/usr/local/bin:/usr/bin:/bin" /* without a PATH */

struct start {
    const struct spawn_request *request;
    const struct nursery *nursery;
    const char *path; /* where to look for the program; NULL: its name says where it is */
    gid_t group;
    pid_t parent;
    int error; /* 0, or why there is no program */
    enum process_part part;
};

bool child_prepare(struct nursery *nursery)
{
    const struct rlimit none = {0, 0};
    struct rlimit all;
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &usual, NULL);
    umask(077);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    getrlimit(RLIMIT_NOFILE, &nursery->open_files);
    all = (struct rlimit){nursery->open_files.rlim_max, nursery->open_files.rlim_max};
    setrlimit(RLIMIT_NOFILE, &all);
    nursery->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    return nursery->stack != MAP_FAILED;
}

/* ---- in the child ---- */

/* The sanitizers know one stack for each thread, and two are on this thread now. */
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

IN_CHILD static bool fails(struct start *start, enum process_part part, bool is_failure)
{
    if (is_failure) {
        start->error = errno;
        start->part = part;
    }
    return is_failure;
}

/* Only the spawner's /dev/null is 0, 1 and 2 there, and its own socket 3. */
IN_CHILD static bool set_descriptors(struct start *start)
{
    const int *fds = start->request->fds;
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 0 && fails(start, PROCESS_PROGRAM, dup2(fds[i], i) < 0))
            return false;
    return !fails(start, PROCESS_PROGRAM, close_range(fds[3] >= 0 ? 4 : 3, ~0u, 0) < 0);
}

IN_CHILD static bool limit(struct start *start, int what, int64_t most, int64_t patience)
{
    struct rlimit limit;
    if (most == 0)
        return true;
    if (fails(start, PROCESS_PROGRAM, getrlimit(what, &limit) < 0))
        return false;
    if ((rlim_t)(most + patience) < limit.rlim_max)
        limit.rlim_max = (rlim_t)(most + patience);
    limit.rlim_cur = (rlim_t)most < limit.rlim_max ? (rlim_t)most : limit.rlim_max;
    return !fails(start, PROCESS_PROGRAM, setrlimit(what, &limit) < 0);
}

/* After SIGXCPU it has a second until SIGKILL. */
IN_CHILD static bool set_limits(struct start *start)
{
    const struct process_limits *limits = &start->request->limits;
    if (limits->nice) {
        errno = 0;
        int nice = getpriority(PRIO_PROCESS, 0) + limits->nice;
        if (fails(start, PROCESS_NICE, setpriority(PRIO_PROCESS, 0, nice) < 0))
            return false;
    }
    return !fails(start, PROCESS_PROGRAM,
                  setrlimit(RLIMIT_NOFILE, &start->nursery->open_files) < 0) &&
           limit(start, RLIMIT_CPU, limits->cpu_seconds, 1) &&
           limit(start, RLIMIT_AS, limits->memory, 0) &&
           limit(start, RLIMIT_NOFILE, limits->open_files, 0);
}

/* As system calls: the library's own would tell the other threads, and there are none. */
IN_CHILD static bool set_user(struct start *start)
{
    const struct process_limits *limits = &start->request->limits;
    if (!limits->has_uid)
        return true;
    return !fails(start, PROCESS_UID,
                  syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setgid, start->group) < 0 ||
                      syscall(SYS_setuid, limits->uid) < 0);
}

/* Where memory runs out, it should go before the server does. */
IN_CHILD static void offer_to_oom(void)
{
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return;
    if (write(file, "500", 3) < 0) {
        /* then it is as likely as the server to be chosen */
    }
    close(file);
}

/* Tries each folder of the path, as execvp does: an error other than "not there" is remembered. */
IN_CHILD static void execute(struct start *start)
{
    const struct spawn_request *request = start->request;
    char *const *argv = (char *const *)request->argv, *const *env = (char *const *)request->env;
    char file[PATH_MAX];
    size_t name_size = strlen(argv[0]) + 1;
    int error = ENOENT;
    if (!start->path) {
        execve(argv[0], argv, env);
        error = errno;
    }
    for (const char *at = start->path; at; at = *at ? at + 1 : NULL) {
        size_t size = strcspn(at, ":");
        if (size + 1 + name_size <= sizeof file) {
            memcpy(file, at, size);
            file[size] = '/';
            memcpy(file + size + (size > 0), argv[0], name_size); /* an empty one: here */
            execve(file, argv, env);
            if (errno != ENOENT && errno != ENOTDIR)
                error = errno;
        }
        at += size;
    }
    start->error = error;
    start->part = error == ENOMEM && request->limits.memory ? PROCESS_MEMORY : PROCESS_PROGRAM;
}

IN_CHILD static int become(void *context)
{
    struct start *start = context;
    sigset_t none;
    sigemptyset(&none);
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    offer_to_oom();
    const char *cwd = start->request->cwd;
    if (set_descriptors(start) && set_limits(start) && set_user(start) &&
        !(cwd && fails(start, PROCESS_CWD, chdir(cwd) < 0))) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* setuid would have cleared it */
        if (getppid() != start->parent)   /* it was too late for that */
            _exit(127);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execute(start);
    }
    _exit(127);
}

/* ---- in the spawner ---- */

static const char *find_path(const struct spawn_request *request)
{
    const char *name = request->argv[0];
    if (strchr(name, '/') || !*name)
        return NULL;
    for (const char *const *env = request->env; *env; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return SEARCHED;
}

/* The user's own group: only from the file, since a directory service could keep us waiting. */
static gid_t find_group(uid_t uid)
{
    gid_t group = uid;
    FILE *users = fopen("/etc/passwd", "re");
    struct passwd *user;
    while (users && (user = fgetpwent(users)))
        if (user->pw_uid == uid) {
            group = user->pw_gid;
            break;
        }
    if (users)
        fclose(users);
    return group;
}

pid_t child_start(const struct nursery *nursery, const struct spawn_request *request,
                  enum process_part *part)
{
    struct start start = {
        .request = request, .nursery = nursery, .path = find_path(request), .parent = getpid()};
    const struct process_limits *limits = &request->limits;
    if (limits->has_uid)
        start.group = find_group(limits->uid);
    pid_t pid = clone(become, (char *)nursery->stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD,
                      &start);
    *part = pid < 0 ? PROCESS_PROGRAM : start.part;
    if (pid < 0)
        return -errno;
    return start.error ? -start.error : pid; /* the dead child is reaped like what is left over */
}
