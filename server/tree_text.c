#include "server/tree_text.h"

#include <string.h>

#include "schema/json_load.h"
#include "server/reply.h"

/* What stands before a line: for each level whether more siblings follow there. */
struct drawing {
    struct buffer out;
    struct buffer indent;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void begin_line(struct drawing *d, bool is_last)
{
    if (d->indent.size)
        buffer_add(&d->out, d->indent.bytes, d->indent.size);
    buffer_text(&d->out, is_last ? "└── " : "├── ");
}

/* Goes one level down; what to hand to leave. */
static size_t enter(struct drawing *d, bool is_last)
{
    size_t mark = d->indent.size;
    buffer_text(&d->indent, is_last ? "    " : "│   ");
    return mark;
}

static void leave(struct drawing *d, size_t mark)
{
    d->indent.size = d->indent.failed ? d->indent.size : mark;
}

/* ---- the nodes ---- */

static void write_node_line(struct drawing *d, const json_t *node)
{
    struct buffer *b = &d->out;
    const char *name = text_of(node, "name"), *state = text_of(node, "state");
    long long runs = json_integer_value(json_object_get(node, "runs"));
    const json_t *error = json_object_get(node, "error");
    buffer_text(b, text_of(node, "op"));
    if (*name)
        buffer_format(b, " '%s'", name);
    buffer_format(b, " %s", state);
    if (runs > 1)
        buffer_format(b, " (%lld runs)", runs);
    if (error)
        buffer_format(b, ": %s%s%s", text_of(error, "type"), *text_of(error, "message") ? ": " : "",
                      text_of(error, "message"));
    buffer_char(b, '\n');
}

static void draw_children(struct drawing *d, const json_t *node)
{
    const json_t *children = json_object_get(node, "children");
    size_t n = json_array_size(children);
    for (size_t i = 0; i < n; i++) {
        const json_t *child = json_array_get(children, i);
        begin_line(d, i + 1 == n);
        write_node_line(d, child);
        size_t mark = enter(d, i + 1 == n);
        draw_children(d, child);
        leave(d, mark);
    }
}

static void draw_nodes(struct drawing *d, const json_t *tree)
{
    size_t i;
    json_t *coroutine;
    write_node_line(d, tree);
    draw_children(d, tree);
    json_array_foreach(json_object_get(tree, "coroutines"), i, coroutine)
    {
        const json_t *body = json_object_get(coroutine, "body");
        buffer_format(&d->out, "\ncoroutine '%s': ", text_of(coroutine, "name"));
        write_node_line(d, body);
        draw_children(d, body);
    }
}

/* ---- the tasks, each below the one that waits for it ---- */

static void write_task_line(struct drawing *d, const json_t *task)
{
    struct buffer *b = &d->out;
    const char *name = text_of(task, "name"), *waits = text_of(task, "waits_for");
    const json_t *stack = json_object_get(task, "stack");
    const json_t *innermost = json_array_get(stack, json_array_size(stack) - 1);
    buffer_format(b, "Task-%lld", json_integer_value(json_object_get(task, "id")));
    if (*name)
        buffer_format(b, " '%s'", name);
    buffer_format(b, " %s", text_of(task, "state"));
    if (*waits)
        buffer_format(b, " for %s", waits);
    buffer_format(b, " at '%s'", text_of(innermost ? innermost : task, "path"));
    if (*waits)
        buffer_format(b, " since %s", text_of(task, "since"));
    buffer_char(b, '\n');
}

/* 0: background tasks, and the main one */
static size_t count_children(const json_t *tasks, json_int_t parent)
{
    size_t i, n = 0;
    json_t *task;
    json_array_foreach(tasks, i, task) n +=
        json_integer_value(json_object_get(task, "parent")) == parent;
    return n;
}

#define TASKS_DEPTH_MAX 1000

static void draw_tasks(struct drawing *d, const json_t *tasks, json_int_t parent, unsigned depth)
{
    size_t i, left = count_children(tasks, parent);
    json_t *task;
    if (left == 0 || depth == TASKS_DEPTH_MAX)
        return;
    json_array_foreach(tasks, i, task)
    {
        if (json_integer_value(json_object_get(task, "parent")) != parent)
            continue;
        bool is_last = --left == 0;
        begin_line(d, is_last);
        write_task_line(d, task);
        size_t mark = enter(d, is_last);
        draw_tasks(d, tasks, json_integer_value(json_object_get(task, "id")), depth + 1);
        leave(d, mark);
    }
}

/* ---- all of it ---- */

void tree_reply_text(struct request *request, struct buffer *json)
{
    struct drawing d = {{0}, {0}};
    json_t *tree =
        json->failed ? NULL : json_load_text(json->bytes, json->size, JSON_ALLOW_NUL, NULL);
    buffer_release(json);
    if (!tree) {
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    draw_nodes(&d, tree);
    if (json_array_size(json_object_get(tree, "tasks")) > 0) {
        buffer_char(&d.out, '\n');
        draw_tasks(&d, json_object_get(tree, "tasks"), 0, 0);
    }
    json_decref(tree);
    buffer_release(&d.indent);
    reply_send(request, 200, reply_new(request, &d.out, TYPE_TEXT));
}
