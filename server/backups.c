/* POST /v1/backup: a copy of the database, made while it is in use. */
#include <stdlib.h>
#include <string.h>

#include "server/backup.h"
#include "server/body.h"
#include "server/query.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/tasks.h"

/* Beside a database of the same name, SQLite would take them for a part of it. */
static bool is_taken_for_a_part(const char *name)
{
    static const char *const endings[] = {"-wal", "-shm", "-journal", ".lock"};
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t n = strlen(endings[i]);
        if (size >= n && strcmp(name + size - n, endings[i]) == 0)
            return true;
    }
    return false;
}

static void check_name(struct request *request, const json_t *value, struct error_list *errors)
{
    const char *name = json_string_value(value);
    if (json_is_null(value))
        return;
    if (!name || !name_is_good(name) || is_taken_for_a_part(name))
        error_list_add(errors, "/name",
                       "must be the name of a file, without a folder; " NAME_RULE
                       ", and do not end with -wal, -shm, -journal or .lock");
    else if (!(request->name = strdup(name)))
        error_list_add(errors, "/name", "out of memory");
}

/* False: it is answered. */
static bool read_name(struct request *request)
{
    static const char *const members[] = {"name", NULL};
    struct error_list errors = {0};
    const char *key;
    json_t *value, *body;
    if (request->body_size == 0)
        return true;
    if (!(body = body_read(request)))
        return false;
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "name") == 0)
            check_name(request, value, &errors);
        else
            body_refuse_member(&errors, key, members);
    }
    bool is_good = errors.n == 0;
    if (!is_good)
        reply_errors(request, &errors);
    error_list_release(&errors);
    json_decref(body);
    return is_good;
}

static void answer(struct request *request)
{
    const struct backup *backup = request->listed;
    const struct store_backup *copy = &backup->copy;
    struct buffer b = {0};
    if (request->outcome == -ERROR_INVALID) { /* not the request, but this server */
        reply_problem(request, 409, "%s", backup->error.text);
        return;
    }
    if (request->outcome != 0) {
        reply_error(request, &backup->error);
        return;
    }
    buffer_text(&b, "{\"path\":");
    buffer_json_message(&b, copy->path); /* a folder's name may be any bytes */
    buffer_format(&b, ",\"bytes\":%lld,\"took\":", (long long)copy->n_bytes);
    buffer_json_real(&b, (double)backup->took_us / 1e6);
    buffer_char(&b, '}');
    reply_json(request, 201, &b);
}

/* [the thread of backups] */
static void backup_done(struct backup *backup, int status)
{
    struct request *request = backup->context;
    request->outcome = status;
    request_wake(request);
}

static void answer_busy(struct request *request)
{
    reply_problem(request, 409, "a backup is being made; please try again once it is done");
}

void post_backup(struct request *request)
{
    static const char *const known[] = {NULL};
    struct server *server = request->server;
    if (!query_check(request, known) || !read_name(request))
        return;
    struct backup *backup = request->listed = calloc(1, sizeof(*backup));
    if (!backup || !server_may_ask(server)) {
        reply_code(request, backup ? ERROR_DRAINING : ERROR_NO_MEMORY);
        return;
    }
    *backup = (struct backup){.name = request->name, .context = request, .done = backup_done};
    request_park(request, answer);
    if (!backups_ask(server->backups, backup)) {
        request->next = answer_busy;
        request_wake(request);
    }
    server_asked(server);
}
