/* POST /v1/tasks/{id}/signal: Process.send_signal(), and with it terminate() and kill(), of a
 * process that runs. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "server/body.h"
#include "server/process.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

static const char *const members[] = {"signal", "name", NULL};

struct fields {
    int signal;
    const char *name; /* borrowed; NULL: the only one that runs */
};

#define NAME_BYTES 16 /* "SIGRTMIN+15" */

static void name_of(int signal, char name[NAME_BYTES])
{
    const char *known = sigabbrev_np(signal);
    if (known)
        snprintf(name, NAME_BYTES, "SIG%s", known);
    else
        snprintf(name, NAME_BYTES, "SIGRTMIN+%d", signal - SIGRTMIN);
}

/* 0 when there is none. */
static int number_of(const char *name)
{
    for (int signal = 1; signal <= SIGRTMAX; signal++) {
        char known[NAME_BYTES];
        name_of(signal, known);
        if (strcmp(known, name) == 0)
            return signal;
    }
    return 0;
}

static void check_signal(struct fields *f, const json_t *value, struct error_list *errors)
{
    json_int_t number = json_integer_value(value);
    if (json_is_string(value))
        f->signal = number_of(json_string_value(value));
    else
        f->signal = number >= 1 && number <= SIGRTMAX ? (int)number : 0;
    if (!f->signal)
        error_list_add(errors, "/signal",
                       "must be the name of a signal, such as \"SIGINT\", or a number from 1 to %d",
                       SIGRTMAX);
}

static void check_name(struct fields *f, const json_t *value, struct error_list *errors)
{
    f->name = json_string_value(value);
    if (!f->name && !json_is_null(value))
        error_list_add(errors, "/name", "must be the name of a 'subprocess' node, or null");
}

static struct fields check(const json_t *body, struct error_list *errors)
{
    struct fields f = {.signal = SIGTERM};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        if (strcmp(key, "signal") == 0)
            check_signal(&f, value, errors);
        else if (strcmp(key, "name") == 0)
            check_name(&f, value, errors);
        else
            body_refuse_member(errors, key, members);
    }
    return f;
}

static void answer(struct request *request)
{
    struct buffer b = {0};
    char name[NAME_BYTES];
    if (request->process.answer != PROCESS_DONE) {
        process_refuse(request);
        return;
    }
    name_of(request->process.signal, name);
    buffer_format(&b, "{\"signal\":\"%s\",\"number\":%d}", name, request->process.signal);
    reply_json(request, 200, &b);
}

static void ask(struct request *request, const struct fields *f)
{
    if (!request_keep_text(request, f->name))
        return;
    if (!server_may_ask(request->server)) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->process = (struct process_request){.id = request->id,
                                                .loop = request->record->loop,
                                                .name = request->text,
                                                .verb = PROCESS_SIGNAL,
                                                .signal = f->signal};
    process_ask(request, answer);
}

void signal_process(struct request *request)
{
    static const char *const known[] = {NULL};
    struct error_list errors = {0};
    struct fields f = {.signal = SIGTERM};
    json_t *body = NULL;
    if (!query_check(request, known) || (request->body_size > 0 && !(body = body_read(request))))
        return;
    if (body)
        f = check(body, &errors);
    if (errors.n > 0)
        reply_errors(request, &errors);
    else if (task_read(request, 0))
        ask(request, &f);
    error_list_release(&errors);
    json_decref(body);
}
