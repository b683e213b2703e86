/* Loads well; but what its functions do when they are called, no function should. Those that take a
 * path say through that pipe who they are, and keep it open. */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/plugins/plugin.h"

#define PATH "{\"path\": {\"type\": [\"string\", \"null\"], \"default\": null}}"
#define SIZE "{\"size\": {\"type\": \"integer\", \"minimum\": 0, \"default\": 0}}"

static json_t *argument(const struct awaitd_call *call, const char *name)
{
    json_t *arguments = json_loadb(call->arguments, call->arguments_size, 0, NULL);
    json_t *value = json_incref(json_object_get(arguments, name));
    json_decref(arguments);
    return value;
}

static void announce(const struct awaitd_call *call)
{
    json_t *path = argument(call, "path");
    int fd = json_is_string(path) ? open(json_string_value(path), O_WRONLY | O_CLOEXEC) : -1;
    json_decref(path);
    if (fd >= 0)
        dprintf(fd, "here %ld\n", (long)getpid());
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* ---- says what it should not ---- */

static void garbage(struct awaitd_call *call)
{
    awaitd_return(call, "{\"a\": nonsense}");
}

static void nothing(struct awaitd_call *call)
{
    (void)call;
}

static void null_pointer(struct awaitd_call *call)
{
    awaitd_return_bytes(call, NULL, 100);
}

static void both(struct awaitd_call *call)
{
    awaitd_return(call, "1");
    awaitd_raise(call, "ValueError", "and yet");
}

static void twice(struct awaitd_call *call)
{
    awaitd_return(call, "1");
    awaitd_return(call, "2");
}

static void two_errors(struct awaitd_call *call)
{
    awaitd_raise(call, "ValueError", "one");
    awaitd_raise(call, "ValueError", "two");
}

static void bad_text(struct awaitd_call *call)
{
    awaitd_return(call, "\"\xff\xfe\"");
}

static void nul(struct awaitd_call *call)
{
    awaitd_return_bytes(call, "[1,\0 2]", 7);
}

static void deep(struct awaitd_call *call)
{
    char json[2000];
    memset(json, '[', sizeof json / 2);
    memset(json + sizeof json / 2, ']', sizeof json / 2);
    awaitd_return_bytes(call, json, sizeof json);
}

static void huge(struct awaitd_call *call)
{
    awaitd_return_bytes(call, "1", (size_t)-1);
}

static void bad_type(struct awaitd_call *call)
{
    awaitd_raise(call, "no exception!", "why");
}

static void exits(struct awaitd_call *call)
{
    awaitd_raise(call, "SystemExit", "why");
}

static void bad_message(struct awaitd_call *call)
{
    awaitd_raise(call, "ValueError", "\xc3(");
}

static void raises(struct awaitd_call *call)
{
    awaitd_raise(call, "shop.SoldOut", "no »tea« left");
}

static void raises_nothing(struct awaitd_call *call)
{
    awaitd_raise(call, "ValueError", NULL);
}

/* ---- does what it should not ---- */

static void crash(struct awaitd_call *call)
{
    announce(call);
    sigset_t fault;
    sigemptyset(&fault);
    sigaddset(&fault, SIGSEGV);
    pthread_sigmask(SIG_UNBLOCK, &fault, NULL); /* as a real one is nowhere blocked */
    signal(SIGSEGV, SIG_DFL);                   /* sanitizers have a handler of their own */
    raise(SIGSEGV);
}

static void leave(struct awaitd_call *call)
{
    (void)call;
    _exit(3);
}

/* Sends nonsense to whoever is at the other end of its process's sockets. */
static void scribble(struct awaitd_call *call)
{
    char nonsense[4096];
    memset(nonsense, 0xee, sizeof nonsense);
    for (int fd = 3; fd < 200; fd++)
        if (write(fd, nonsense, sizeof nonsense) < 0)
            continue;
    awaitd_return(call, "null");
}

static void stuck(struct awaitd_call *call)
{
    announce(call);
    for (;;)
        pause();
}

/* ---- does what it should ---- */

static void polite(struct awaitd_call *call)
{
    announce(call);
    while (!awaitd_is_cancelled(call))
        nap();
    awaitd_return(call, "\"stopped\"");
}

static void pid(struct awaitd_call *call)
{
    char json[40];
    snprintf(json, sizeof json, "%ld", (long)getpid());
    awaitd_return(call, json);
}

static void big(struct awaitd_call *call)
{
    json_t *size = argument(call, "size");
    size_t n = (size_t)json_integer_value(size);
    char *json = malloc(n + 2);
    memset(json, 'x', n + 2);
    json[0] = json[n + 1] = '"';
    awaitd_return_bytes(call, json, n + 2);
    free(json);
    json_decref(size);
}

static void same(struct awaitd_call *call)
{
    awaitd_return_bytes(call, call->arguments, call->arguments_size);
}

/* Says how far it is, and waits to be cancelled. */
static void reports(struct awaitd_call *call)
{
    char message[] = "half done";
    awaitd_progress(call, 0.25, "begun");
    awaitd_progress(call, 0.5, message);
    awaitd_progress(call, 7, "\xff");
    awaitd_progress(call, 0.5, NULL);
    memset(message, '?', sizeof message - 1);
    polite(call);
}

/* More of it than fits a pipe. */
static void chatters(struct awaitd_call *call)
{
    for (int i = 0; i < 100000; i++)
        awaitd_progress(call, i / 1e5, "a message that is neither long nor short");
    awaitd_return(call, "\"done\"");
}

/* Leaves somebody behind who goes on to talk about this call. */
static void mutters(struct awaitd_call *call)
{
    if (fork() == 0)
        for (;;) {
            awaitd_progress(call, 0.5, "still here");
            nap();
        }
    awaitd_return(call, "\"left\"");
}

/* Two return. */
static void splits(struct awaitd_call *call)
{
    fork();
    awaitd_return(call, "\"split\"");
}

static void prints(struct awaitd_call *call)
{
    printf("this is on standard output\n");
    fflush(stdout);
    awaitd_return(call, call->context);
}

static const struct awaitd_function functions[] = {
    {"garbage", "Returns no JSON.", NULL, garbage, NULL},
    {"nothing", "Returns nothing.", NULL, nothing, NULL},
    {"null_pointer", "Returns a null pointer.", NULL, null_pointer, NULL},
    {"both", "Returns and raises.", NULL, both, NULL},
    {"twice", "Returns twice.", NULL, twice, NULL},
    {"two_errors", "Raises twice.", NULL, two_errors, NULL},
    {"bad_text", "Returns text that is not UTF-8.", NULL, bad_text, NULL},
    {"nul", "Returns a NUL.", NULL, nul, NULL},
    {"deep", "Returns what is nested too deep.", NULL, deep, NULL},
    {"huge", "Says that its result has more bytes than there are.", NULL, huge, NULL},
    {"bad_type", "Raises what cannot be an exception.", NULL, bad_type, NULL},
    {"exits", "Raises SystemExit.", NULL, exits, NULL},
    {"bad_message", "Raises with a message that is not UTF-8.", NULL, bad_message, NULL},
    {"raises", "Raises as it should.", NULL, raises, NULL},
    {"raises_nothing", "Raises without a message.", NULL, raises_nothing, NULL},
    {"crash", "Crashes.", PATH, crash, NULL},
    {"leave", "Exits.", NULL, leave, NULL},
    {"scribble", "Writes to all descriptors.", NULL, scribble, NULL},
    {"stuck", "Never returns, and never looks up.", PATH, stuck, NULL},
    {"polite", "Stops when it is cancelled.", PATH, polite, NULL},
    {"pid", "The process that it runs in.", NULL, pid, NULL},
    {"big", "A string of so many letters.", SIZE, big, NULL},
    {"same", "Its arguments.", "{\"text\": {\"type\": \"string\"}, \"n\": {\"default\": 1.5}}",
     same, NULL},
    {"reports", "Says how far it is.", PATH, reports, NULL},
    {"chatters", "Says it too often.", NULL, chatters, NULL},
    {"mutters", "Goes on to talk when it is over.", NULL, mutters, NULL},
    {"splits", "Returns as two processes.", NULL, splits, NULL},
    {"prints", "Prints.", NULL, prints, (void *)"\"printed\""},
};
OPEN_WITH(functions)
