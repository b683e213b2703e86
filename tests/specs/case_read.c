/* The format of the .test files: blocks of `key: value` lines. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "schema/json.h"
#include "schema/plan.h"
#include "tests/specs/case.h"

static _Noreturn void refuse(const struct spec_case *c, const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s:%u: ", c->file, c->line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

/* {"*": 3, "of": X} in a list stands for X three times. Takes the value. */
static json_t *expand(json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;
    if (json_is_object(value)) {
        void *next;
        json_object_foreach_safe(value, next, key, item)
            json_object_set_new(value, key, expand(json_incref(item)));
        return value;
    }
    if (!json_is_array(value))
        return value;
    json_t *list = json_array();
    json_array_foreach(value, i, item)
    {
        json_t *times = json_object_get(item, "*");
        json_t *one = expand(json_incref(times ? json_object_get(item, "of") : item));
        for (json_int_t n = times ? json_integer_value(times) : 1; n > 0; n--)
            json_array_append(list, one);
        json_decref(one);
    }
    json_decref(value);
    return list;
}

static json_t *read_json(const struct spec_case *c, const char *key, const char *text)
{
    json_error_t e;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
    if (!value)
        refuse(c, "%s: %s", key, e.text);
    return expand(value);
}

static char *write_json(const json_t *value)
{
    struct buffer text = {0};
    json_write(&text, value);
    return memory_need(buffer_take(&text));
}

static double read_number(const struct spec_case *c, const char *text, char **rest)
{
    double number = strtod(text, rest);
    if (*rest == text)
        refuse(c, "expected a number: %s", text);
    while (**rest == ' ')
        ++*rest;
    return number;
}

/* A text as it stands, or as a JSON string. */
static char *read_text(const struct spec_case *c, const char *text)
{
    if (*text != '"')
        return memory_text(text);
    json_t *string = read_json(c, "text", text);
    char *copy = memory_text(json_string_value(string));
    json_decref(string);
    return copy;
}

static void read_cancel(struct spec_case *c, const char *text)
{
    char *rest;
    if (c->n_cancels == CASE_REQUESTS_MAX)
        refuse(c, "more than %d cancels", CASE_REQUESTS_MAX);
    struct sim_cancel *cancel = &c->cancels[c->n_cancels++];
    cancel->at = read_number(c, text, &rest);
    cancel->message = *rest ? read_text(c, rest) : NULL;
}

static char *cut(char **text, size_t skip, const char *ends);

/* TIME NAME SECONDS or null; `-` is the job's own. */
static void read_reschedule(struct spec_case *c, const char *text)
{
    char *rest;
    if (c->n_reschedules == CASE_REQUESTS_MAX)
        refuse(c, "more than %d reschedules", CASE_REQUESTS_MAX);
    struct sim_reschedule *asked = &c->reschedules[c->n_reschedules++];
    asked->at = read_number(c, text, &rest);
    char *name = cut(&rest, 0, " ");
    bool is_own = strcmp(name, "-") == 0;
    asked->name = is_own ? NULL : name;
    asked->seconds = strcmp(rest, "null") == 0 ? INFINITY : read_number(c, rest, &rest);
    if (is_own)
        free(name);
}

/* TIME NAME result JSON, or TIME NAME error {"type", "message"?} */
static void read_future(struct spec_case *c, const char *text)
{
    char *rest;
    if (c->n_futures == CASE_REQUESTS_MAX)
        refuse(c, "more than %d futures", CASE_REQUESTS_MAX);
    struct sim_future *future = &c->futures[c->n_futures++];
    future->at = read_number(c, text, &rest);
    future->set.name = cut(&rest, 0, " ");
    char *kind = cut(&rest, 0, " ");
    json_t *value = read_json(c, "future", rest);
    const char *type = json_string_value(json_object_get(value, "type"));
    const char *message = json_string_value(json_object_get(value, "message"));
    if (strcmp(kind, "result") == 0)
        future->set.result = write_json(value);
    else if (strcmp(kind, "error") == 0 && type)
        future->set.type = memory_text(type);
    else
        refuse(c, "a future gets a result, or an error with a type");
    if (!future->set.result && message)
        future->set.message = memory_text(message);
    json_decref(value);
    free(kind);
}

/* NAME {definition} */
static void read_coroutine(struct spec_case *c, const char *text)
{
    char *rest = (char *)text;
    char *name = cut(&rest, 0, " ");
    if (!c->coroutines)
        c->coroutines = json_object();
    json_object_set_new(c->coroutines, name, read_json(c, "coroutine", rest));
    free(name);
}

/* Cuts the word off the beginning of *text and copies it, without its first `skip` characters. */
static char *cut(char **text, size_t skip, const char *ends)
{
    size_t size = strcspn(*text, ends);
    char *word = memory_part(*text + skip, size - skip);
    *text += size + strspn(*text + size, ends);
    return word;
}

static void read_log(struct spec_case *c, const char *text)
{
    c->log = memory_resize(c->log, (c->n_log + 1) * sizeof *c->log);
    struct case_log *log = &c->log[c->n_log++];
    char *rest;
    *log = (struct case_log){.at = read_number(c, text, &rest)};
    if (*rest == '[')
        log->level = cut(&rest, 1, "] ");
    if (*rest == '@')
        log->path = cut(&rest, 1, " ");
    log->message = read_text(c, rest);
}

static bool is(const char *key, const char *wanted)
{
    return strcmp(key, wanted) == 0;
}

static void read_field(struct spec_case *c, const char *key, const char *text)
{
    char *rest;
    if (is(key, "test"))
        c->name = memory_text(text);
    else if (is(key, "state"))
        c->state = memory_text(text);
    else if (is(key, "timeout"))
        c->timeout = is(text, "null") ? TIMEOUT_NEVER : read_number(c, text, &rest);
    else if (is(key, "reschedule"))
        read_reschedule(c, text);
    else if (is(key, "future"))
        read_future(c, text);
    else if (is(key, "coroutine"))
        read_coroutine(c, text);
    else if (is(key, "crashes"))
        c->never_crashes = is(text, "no");
    else if (is(key, "took"))
        c->took = read_number(c, text, &rest);
    else if (is(key, "cancel"))
        read_cancel(c, text);
    else if (is(key, "log"))
        read_log(c, text);
    else if (is(key, "spec"))
        c->spec = read_json(c, key, text);
    else if (is(key, "result"))
        c->result = read_json(c, key, text);
    else if (is(key, "error"))
        c->error = read_json(c, key, text);
    else if (is(key, "unhandled"))
        c->unhandled = read_json(c, key, text);
    else if (!is(key, "reference"))
        refuse(c, "unknown key: %s", key);
}

/* One field: the line and those below it that begin with a blank. */
static void read_lines(struct spec_case *c, char *lines)
{
    char *colon = strchr(lines, ':');
    if (!colon)
        refuse(c, "expected `key: value`: %s", lines);
    *colon++ = '\0';
    size_t size = strlen(colon);
    while (size && strchr(" \t\r\n", colon[size - 1]))
        colon[--size] = '\0';
    read_field(c, lines, colon + strspn(colon, " "));
}

static void end_case(struct spec_file *file, struct spec_case *c)
{
    if (!c->name || !c->spec || !c->state)
        refuse(c, "a case needs test, spec and state");
    for (size_t i = 0; i < file->n_cases; i++)
        if (strcmp(file->cases[i].name, c->name) == 0)
            refuse(c, "there is another case of this name in line %u", file->cases[i].line);
    file->cases = memory_resize(file->cases, (file->n_cases + 1) * sizeof *file->cases);
    file->cases[file->n_cases++] = *c;
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r\n")] == '\0';
}

struct reader {
    struct spec_file *file;
    struct spec_case c;
    char *field; /* the lines of the present field */
    size_t field_size;
};

static void end_field(struct reader *r)
{
    if (r->field)
        read_lines(&r->c, r->field);
    free(r->field);
    r->field = NULL;
    r->field_size = 0;
}

static void end_block(struct reader *r)
{
    end_field(r);
    if (r->c.line)
        end_case(r->file, &r->c);
    r->c = (struct spec_case){.file = r->file->path, .timeout = -1, .took = -1};
}

static void read_line(struct reader *r, const char *line, unsigned number)
{
    if (is_blank(line)) {
        end_block(r);
        return;
    }
    if (*line == '#')
        return;
    if (*line != ' ' && *line != '\t')
        end_field(r);
    if (!r->c.line)
        r->c.line = number;
    size_t size = strlen(line);
    r->field = memory_resize(r->field, r->field_size + size + 1);
    memcpy(r->field + r->field_size, line, size + 1);
    r->field_size += size;
}

static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    return memory_part(base, strcspn(base, "."));
}

void spec_file_read(struct spec_file *file, const char *path)
{
    *file = (struct spec_file){.path = memory_text(path), .suite = name_of(path)};
    struct reader r = {.file = file};
    char *line = NULL;
    size_t capacity = 0;
    FILE *stream = fopen(path, "r");
    if (!stream) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    end_block(&r);
    for (unsigned number = 1; getline(&line, &capacity, stream) >= 0; number++)
        read_line(&r, line, number);
    end_block(&r);
    free(line);
    fclose(stream);
}

static void case_release(struct spec_case *c)
{
    free(c->name);
    free(c->state);
    json_decref(c->spec);
    json_decref(c->coroutines);
    json_decref(c->result);
    json_decref(c->error);
    json_decref(c->unhandled);
    for (size_t i = 0; i < c->n_cancels; i++)
        free((char *)c->cancels[i].message);
    for (size_t i = 0; i < c->n_reschedules; i++)
        free((char *)c->reschedules[i].name);
    for (size_t i = 0; i < c->n_futures; i++) {
        free((char *)c->futures[i].set.name);
        free((char *)c->futures[i].set.result);
        free((char *)c->futures[i].set.type);
        free((char *)c->futures[i].set.message);
    }
    for (size_t i = 0; i < c->n_log; i++) {
        free(c->log[i].level);
        free(c->log[i].path);
        free(c->log[i].message);
    }
    free(c->log);
}

void spec_file_release(struct spec_file *file)
{
    for (size_t i = 0; i < file->n_cases; i++)
        case_release(&file->cases[i]);
    free(file->cases);
    free(file->path);
    free(file->suite);
}
