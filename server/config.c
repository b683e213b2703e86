#include "server/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/nearest.h"
#include "server/config_value.h"

enum origin { FROM_NOWHERE, FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

/* Every option there is. The environment variable is AWAITD_ and the name, in capitals. */
static const struct option {
    const char *name;
    enum config_kind kind;
    size_t offset;
    const char *value; /* default; NULL: none */
    const char *argument, *help;
} options[] = {
    {"listen", CONFIG_TEXT, offsetof(struct config, listen), "127.0.0.1:8080", "ADDRESS",
     "where to listen: 127.0.0.1:8080, [::1]:8080 or unix:/path; port 0 takes a free one"},
    {"db", CONFIG_TEXT, offsetof(struct config, db), "awaitd.db", "FILE",
     "the database; :memory: forgets everything at exit"},
    {"backup-dir", CONFIG_TEXT, offsetof(struct config, backup_dir), NULL, "DIR",
     "where POST /v1/backup puts its copies. Not given: backups/ beside the database"},
    {"retain", CONFIG_RETENTION, offsetof(struct config, retention), "forever", "RULES",
     "how long finished tasks and groups are kept: " RETENTION_GRAMMAR},
    {"config", CONFIG_TEXT, offsetof(struct config, file), NULL, "FILE",
     "reads options from a file: lines of name = value, # begins a comment"},
    {"allow-host", CONFIG_LIST, offsetof(struct config, allow_hosts), "", "NAME",
     "a further name that the Host header may have; * for any; may be repeated"},
    {"allow-exec", CONFIG_LIST, offsetof(struct config, allow_exec), NULL, "PATTERN",
     "programs that jobs may run: git, /usr/bin/*, * for any; may be repeated. Not given: any "
     "where "
     "only this machine reaches the server, else none"},
    {"allow-net", CONFIG_LIST, offsetof(struct config, allow_net), "", "RANGE",
     "private addresses that jobs may connect to, as 10.0.0.0/8; may be repeated. Where only this "
     "machine reaches the server, they may connect to all; to link-local ones never"},
    {"plugins", CONFIG_TEXT, offsetof(struct config, plugins), NULL, "DIR",
     "loads every *.so in the folder: functions for jobs to call; see awaitd_plugin.h"},
    {"max-body", CONFIG_SIZE, offsetof(struct config, max_body), "64MiB", "SIZE",
     "the largest request body that is taken"},
    {"max-result", CONFIG_SIZE, offsetof(struct config, max_result), "16MiB", "SIZE",
     "a task with a larger result fails"},
    {"max-open-tasks", CONFIG_COUNT, offsetof(struct config, max_open_tasks), "1000000", "N",
     "how many tasks may be under way at once"},
    {"loops", CONFIG_LOOPS, offsetof(struct config, loops), "1", "N",
     "how many event loops there are, each a thread, that tasks are spread over"},
    {"crash-loop", CONFIG_TIMES, offsetof(struct config, crash_loop), "5", "N",
     "after more than N starts after a crash within a minute no job runs before POST /v1/resume; "
     "0: "
     "they always do"},
    {"quarantine", CONFIG_TIMES, offsetof(struct config, quarantine), "3", "N",
     "a task of which a function was running inside the server at N crashes in a row fails; 0: "
     "it runs again and again"},
    {"slow-callback", CONFIG_SECONDS, offsetof(struct config, slow_callback), "0.1", "SECONDS",
     "a task that keeps its loop for longer is logged; 0: never"},
    {"log-format", CONFIG_FORMAT, offsetof(struct config, log_format), "human", "FORMAT",
     "human or json, on standard error"},
    {"log-level", CONFIG_LEVEL, offsetof(struct config, log_level), "info", "LEVEL",
     "the least that is logged: debug, info, warning or error"},
    {"help", CONFIG_SWITCH, offsetof(struct config, wants_help), NULL, NULL, "this text"},
    {"version", CONFIG_SWITCH, offsetof(struct config, wants_version), NULL, NULL, "the version"},
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

/* Who set an option last, so that the weaker source does not set it again. */
struct reading {
    struct config *config;
    enum origin origin[N_OPTIONS];
};

/* `said` is how the user wrote it: "--max-body", "AWAITD_MAX_BODY" or "file:7: max-body". */
static int set_option(struct reading *r, size_t i, enum origin origin, const char *value,
                      const char *said, struct error *e)
{
    if (origin < r->origin[i])
        return 0;
    const char *wrong = config_set_value(options[i].kind, (char *)r->config + options[i].offset,
                                         value, origin == r->origin[i]);
    r->origin[i] = origin;
    if (wrong)
        return error_set(e, ERROR_INVALID, "%s: '%s' %s", said, value, wrong);
    return 0;
}

static size_t find_option(const char *name, size_t size)
{
    size_t i = 0;
    while (i < N_OPTIONS &&
           (strlen(options[i].name) != size || memcmp(options[i].name, name, size) != 0))
        i++;
    return i;
}

static const char *nearest_option(const char *name)
{
    const char *names[N_OPTIONS];
    for (size_t i = 0; i < N_OPTIONS; i++)
        names[i] = options[i].name;
    return nearest(name, names, N_OPTIONS);
}

static int unknown_option(const char *said, const char *name, const char *dashes, struct error *e)
{
    const char *like = nearest_option(name);
    if (like)
        return error_set(e, ERROR_INVALID, "there is no option %s; did you mean %s%s?", said,
                         dashes, like);
    return error_set(e, ERROR_INVALID, "there is no option %s; awaitd --help lists them", said);
}

/* ---- sources ---- */

static int read_defaults(struct reading *r, struct error *e)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (options[i].value &&
            set_option(r, i, FROM_DEFAULT, options[i].value, options[i].name, e))
            return -(int)e->code;
    return 0;
}

/* --name VALUE or --name=VALUE. *i is moved past what was used. */
static int read_flag(struct reading *r, int argc, char *const *argv, int *i, struct error *e)
{
    const char *word = argv[*i], *name = word + 2;
    size_t size = strcspn(name, "=");
    const char *value = name[size] ? name + size + 1 : NULL;
    size_t option = find_option(name, size);
    char said[64];
    snprintf(said, sizeof(said), "--%.*s", (int)size, name);
    if (option == N_OPTIONS)
        return unknown_option(said, said + 2, "--", e);
    if (options[option].kind == CONFIG_SWITCH) {
        if (value)
            return error_set(e, ERROR_INVALID, "%s takes no value", said);
    } else if (!value) {
        if (*i + 1 == argc)
            return error_set(e, ERROR_INVALID, "%s needs a value: %s %s", said, said,
                             options[option].argument);
        value = argv[++*i];
    }
    return set_option(r, option, FROM_FLAG, value ? value : "", said, e);
}

static int read_flags(struct reading *r, int argc, char *const *argv, struct error *e)
{
    for (int i = 1; i < argc; i++) {
        if (i == 1 && strcmp(argv[i], "serve") == 0)
            continue;
        if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0')
            return error_set(e, ERROR_INVALID,
                             "'%.100s' is not understood; awaitd --help lists the options",
                             argv[i]);
        int status = read_flag(r, argc, argv, &i, e);
        if (status != 0)
            return status;
    }
    return 0;
}

static int read_environment(struct reading *r, char *const *environment, struct error *e)
{
    for (; *environment; environment++) {
        char name[64], said[64];
        size_t size = strcspn(*environment, "=");
        if (strncmp(*environment, "AWAITD_", 7) != 0 || size >= sizeof(said) ||
            !(*environment)[size])
            continue;
        snprintf(said, sizeof(said), "%.*s", (int)size, *environment);
        for (size_t i = 7; i <= size; i++)
            name[i - 7] = said[i] == '_' ? '-' : (char)tolower((unsigned char)said[i]);
        size_t option = find_option(name, size - 7);
        if (option ==
            N_OPTIONS) /* said, but not refused: orchestrators put variables of their own */
            log_line(LOG_WARNING, "%s is set, but there is no such option", said);
        else if (options[option].kind != CONFIG_SWITCH &&
                 set_option(r, option, FROM_ENVIRONMENT, *environment + size + 1, said, e))
            return -(int)e->code;
    }
    return 0;
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r\n", text[size - 1]))
        text[--size] = '\0';
    return text;
}

static int read_file_line(struct reading *r, char *line, const char *where, struct error *e)
{
    char *name = trim(line), *equals = strchr(name, '=');
    char said[400];
    if (*name == '\0' || *name == '#')
        return 0;
    if (!equals)
        return error_set(e, ERROR_INVALID, "%s: a line must be name = value", where);
    *equals = '\0';
    name = trim(name);
    size_t option = find_option(name, strlen(name));
    snprintf(said, sizeof(said), "%s: %.40s", where, name);
    if (option == N_OPTIONS || options[option].kind == CONFIG_SWITCH)
        return unknown_option(said, name, "", e);
    if (strcmp(name, "config") == 0)
        return error_set(e, ERROR_INVALID, "%s: a file cannot name another", where);
    return set_option(r, option, FROM_FILE, trim(equals + 1), said, e);
}

static int read_file(struct reading *r, struct error *e)
{
    const char *path = r->config->file;
    char *line = NULL, where[300];
    size_t room = 0, number = 0;
    int status = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(e, ERROR_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
    while (status == 0 && getline(&line, &room, file) >= 0) {
        snprintf(where, sizeof(where), "%.250s:%zu", path, ++number);
        status = read_file_line(r, line, where, e);
    }
    if (status == 0 && ferror(file))
        status = error_set(e, ERROR_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return status;
}

int config_read(struct config *config, int argc, char *const *argv, char *const *environment,
                struct error *e)
{
    struct reading r = {.config = config};
    *config = (struct config){0};
    int status = read_defaults(&r, e);
    if (status == 0)
        status = read_flags(&r, argc, argv, e);
    if (status == 0 && (config->wants_help || config->wants_version))
        return 0;
    if (status == 0)
        status = read_environment(&r, environment, e);
    if (status == 0 && config->file)
        status = read_file(&r, e);
    return status;
}

void config_release(struct config *config)
{
    free(config->listen);
    free(config->db);
    free(config->backup_dir);
    free(config->file);
    free(config->plugins);
    free(config->allow_hosts);
    free(config->allow_exec);
    free(config->allow_net);
    *config = (struct config){0};
}

void config_help(struct buffer *out)
{
    buffer_text(out, "usage: awaitd [serve] [options]\n       awaitd check FILE   says whether a "
                     "database is in order\n\nasyncio as a service: runs jobs that come "
                     "over HTTP, and forgets none.\n\n");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        char left[64];
        const struct option *o = &options[i];
        snprintf(left, sizeof(left), "--%s %s", o->name, o->argument ? o->argument : "");
        buffer_format(out, "  %-22s %s", left, o->help);
        if (o->value && *o->value)
            buffer_format(out, " [%s]", o->value);
        buffer_char(out, '\n');
    }
    buffer_text(out, "\nEach but the last two is also an environment variable: AWAITD_LISTEN, "
                     "AWAITD_MAX_BODY, …\n");
}
