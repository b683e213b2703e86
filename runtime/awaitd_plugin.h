/* How to write a plugin for awaitd: a shared object whose functions jobs can call by name, with
 *
 *     {"op": "thread", "function": "double_it", "args": {"number": 21}}
 *
 * A whole one, in C (C++ will do as well, and so will anything that can make such a library):
 *
 *     #include <stdio.h>
 *     #include <stdlib.h>
 *     #include "awaitd_plugin.h"
 *
 *     static void double_it(struct awaitd_call *call)
 *     {
 *         // The arguments are JSON text: {"number":21}. Real plugins use a JSON library.
 *         long number = strtol(call->arguments + sizeof "{\"number\":" - 1, NULL, 10);
 *         char json[32];
 *         snprintf(json, sizeof json, "%ld", number * 2);
 *         awaitd_return(call, json);
 *     }
 *
 *     static const struct awaitd_function functions[] = {
 *         {"double_it", "Twice a number.", "{\"number\": {\"type\": \"integer\"}}",
 *          double_it, NULL},
 *     };
 *
 *     const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)
 *     {
 *         static const struct awaitd_plugin plugin = AWAITD_PLUGIN(functions);
 *         (void)host;
 *         return &plugin;
 *     }
 *
 *     cc -shared -fPIC -I path/to/this/header -o plugins/double_it.so double_it.c
 *     awaitd serve --plugins plugins
 *
 * Rules:
 *
 * - Functions run on the threads of an executor, several at once, also the same one: protect what
 *   they share. They may block and compute; the rest of the server goes on meanwhile. A crash ends
 *   the server, as it is one process, unless the call's executor is of the kind "process": then the
 *   functions run in worker processes, one call at a time in each, a crash fails only that call,
 * and a call that is cancelled is killed when it does not stop by itself.
 * - A function ends by returning, after it has called either awaitd_return or awaitd_raise, once.
 *   What it says is checked: a result that is no JSON, none at all, or both a result and an error
 *   are an error of the task that called it. No C++ exception and no longjmp may leave it.
 * - All text is UTF-8. Whatever the server hands out is the server's, and is there until the
 *   function returns. Whatever the plugin hands in stays the plugin's: it is copied at once, but
 * for what awaitd_plugin_open returns, which has to stay as it is for as long as the process lives.
 *   So nobody ever frees what another has allocated.
 * - The functions of awaitd_host are for the thread that the function was called on, until it
 *   returns.
 * - awaitd_plugin_open, and the library's constructors, have 10 seconds, and should start no
 *   threads: the library is loaded once to try it, in a process of its own, once by the server and
 *   once by each worker process. It is never unloaded.
 *
 * This interface grows only at the ends of its structures, whose sizes each side tells the other:
 * what was built with an older header goes on to work. Where it could not, AWAITD_PLUGIN_ABI
 * changes, and the server refuses to start with a plugin that has another one. */
#ifndef AWAITD_PLUGIN_H
#define AWAITD_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AWAITD_PLUGIN_ABI 1

struct awaitd_call;

/* What the server does for a function that it runs. The inline functions at the end of this file
 * are the comfortable way to it. */
struct awaitd_host {
    uint32_t size; /* of this structure in the server: what lies beyond is not there */
    uint32_t abi;  /* AWAITD_PLUGIN_ABI of the server */

    /* The result: any JSON value, as text of so many bytes. */
    void (*give_result)(struct awaitd_call *call, const char *json, size_t size);
    /* Raises an exception in the job. Type: a name such as "ValueError" (letters, digits, _ and
     * dots); the names of Python's exceptions have their parents, all others are children of
     * Exception. Message: text for people, NUL-terminated. */
    void (*give_error)(struct awaitd_call *call, const char *type, const char *message);
    /* Not 0 once nobody wants the result any more, since the job was cancelled or its time is over.
     * Long functions look at this every now and then (it is cheap) and return when it is set; what
     * they return then is dropped. */
    int (*is_cancelled)(struct awaitd_call *call);
    /* How far it is, from 0 to 1 (NAN: as before), and what it is doing (NULL: as before): the task
     * shows the latest. */
    void (*progress)(struct awaitd_call *call, double fraction, const char *message);
};

/* A call of a function. */
struct awaitd_call {
    uint32_t size; /* of this structure in the server */
    uint32_t reserved;
    const struct awaitd_host *host;
    const char *arguments; /* JSON text: an object with a member for each parameter that was given
                            * or has a default, all of them checked; compact, NUL-terminated */
    size_t arguments_size; /* in bytes, without the NUL */
    void *context;         /* the function's, from its description */
};

/* A function that jobs can call. */
struct awaitd_function {
    /* Letters, digits, '_', '-' and '.', at most 100 of them; the first is a letter or '_'. No two
     * functions of a server may have the same, those that are built in included. */
    const char *name;
    /* One sentence that says what it does. */
    const char *summary;
    /* JSON text: what its arguments are, in words of JSON Schema, as in the "parameters" of a
     * definition (PUT /v1/coroutines/{name}):
     *     {"text": {"type": "string"}, "width": {"type": "integer", "minimum": 1, "default": 80}}
     * Keywords: type, default, enum, minimum, maximum, minLength, maxLength, description. A
     * parameter without a default is required. Calls that do not fit never arrive. NULL: it takes
     * none. */
    const char *parameters;
    void (*run)(struct awaitd_call *call);
    void *context; /* for the function's own use, or NULL */
};

/* A plugin: its functions. AWAITD_PLUGIN fills it in. */
struct awaitd_plugin {
    uint32_t size;          /* sizeof(struct awaitd_plugin) */
    uint32_t abi;           /* AWAITD_PLUGIN_ABI */
    uint32_t function_size; /* sizeof(struct awaitd_function) */
    uint32_t n_functions;   /* at least 1 */
    const struct awaitd_function *functions;
};

/* The initializer of a struct awaitd_plugin, from an array of functions. */
#define AWAITD_PLUGIN(array)                                                                       \
    {                                                                                              \
        (uint32_t)sizeof(struct awaitd_plugin), AWAITD_PLUGIN_ABI,                                 \
            (uint32_t)sizeof(struct awaitd_function),                                              \
            (uint32_t)(sizeof(array) / sizeof((array)[0])), array                                  \
    }

#if defined(__GNUC__)
#define AWAITD_EXPORT __attribute__((visibility("default")))
#else
#define AWAITD_EXPORT
#endif

/* The one function that each plugin exports. NULL: it cannot work here (it should have said why on
 * standard error), and the server does not start. */
AWAITD_EXPORT const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host);

/* ---- for functions, while they run ---- */

static inline void awaitd_return_bytes(struct awaitd_call *call, const char *json, size_t size)
{
    call->host->give_result(call, json, size);
}

static inline void awaitd_return(struct awaitd_call *call, const char *json)
{
    size_t size = 0;
    while (json && json[size])
        size++;
    call->host->give_result(call, json, size);
}

static inline void awaitd_raise(struct awaitd_call *call, const char *type, const char *message)
{
    call->host->give_error(call, type, message);
}

static inline int awaitd_is_cancelled(struct awaitd_call *call)
{
    return call->host->is_cancelled(call);
}

static inline void awaitd_progress(struct awaitd_call *call, double fraction, const char *message)
{
    call->host->progress(call, fraction, message);
}

#ifdef __cplusplus
}
#endif

#endif
