/* GET /v1/tasks/{id}/tree: the plan's nodes with what became of each, and, while it runs, its tasks
 * with what each waits for. Of a running task the loop tells; of one that has ended the store,
 * which keeps the spec and the trace. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/trace.h"
#include "server/callback.h"
#include "server/reply.h"
#include "server/routes.h"
#include "server/safe_mode.h"
#include "server/tasks.h"
#include "server/tree_text.h"

/* Nodes are written in their own order, which is that of the trace and of the names. */
struct tree {
    const struct request *request;
    const struct plan *plan;
    struct trace_reader trace;
    struct trace_entry entry; /* the next one, while has_entry */
    bool has_entry;
    const struct label **labels; /* the smallest node first */
    size_t n_labels;
    int64_t started_at_us; /* what the trace counts from */
    bool is_drawn;         /* for people: results, which may be large and deep, are left out */
    struct buffer out;
};

/* ---- rendering ---- */

/* The plan has them the other way round. False when out of memory. */
static bool sort_labels(struct tree *tree)
{
    size_t n = 0;
    for (const struct label *l = tree->plan->labels; l; l = l->next)
        n++;
    tree->labels = calloc(n + 1, sizeof(struct label *));
    tree->n_labels = n;
    if (tree->labels)
        for (const struct label *l = tree->plan->labels; l; l = l->next)
            tree->labels[--n] = l;
    return tree->labels != NULL;
}

static const struct trace_entry *find_entry(struct tree *tree, uint32_t node)
{
    while (tree->has_entry && tree->entry.node < node)
        tree->has_entry = trace_read(&tree->trace, &tree->entry);
    return tree->has_entry && tree->entry.node == node ? &tree->entry : NULL;
}

/* `at` is the next of the labels. */
static void write_name(struct tree *tree, uint32_t node, size_t *at)
{
    struct buffer *b = &tree->out;
    while (*at < tree->n_labels && tree->labels[*at]->node < node)
        ++*at;
    buffer_text(b, ",\"name\":");
    if (*at < tree->n_labels && tree->labels[*at]->node == node)
        buffer_json_string(b, tree->labels[*at]->name, strlen(tree->labels[*at]->name));
    else
        buffer_text(b, "null");
}

static void write_path(struct tree *tree, uint32_t node)
{
    buffer_text(&tree->out, ",\"path\":");
    plan_path_json(tree->plan, node, &tree->out);
}

static void write_run(struct tree *tree, const struct trace_entry *entry)
{
    struct buffer *b = &tree->out;
    int64_t started = tree->started_at_us + entry->started_us;
    bool has_ended = task_state_is_final(entry->state);
    buffer_format(b, ",\"state\":\"%s\",\"runs\":%u,\"started_at\":", task_state_name(entry->state),
                  entry->n_runs);
    buffer_json_time(b, started);
    buffer_text(b, ",\"finished_at\":");
    buffer_json_time(b, has_ended ? started + entry->took_us : 0);
    if (!has_ended || entry->outcome_size == 0 ||
        (tree->is_drawn && entry->state == TASK_SUCCEEDED))
        return;
    buffer_text(b, entry->state == TASK_SUCCEEDED ? ",\"result\":" : ",\"error\":");
    buffer_add(b, entry->outcome, entry->outcome_size);
}

static void write_node(struct tree *tree, uint32_t node, size_t *label);

static void write_children(struct tree *tree, uint32_t node, size_t *label)
{
    const struct plan *plan = tree->plan;
    uint32_t first = node_first_child(plan, node);
    for (uint32_t c = first; c != PLAN_NONE; c = plan->nodes[c].next) {
        if (c != first)
            buffer_char(&tree->out, ',');
        write_node(tree, plan->nodes[c].shape->is_hidden ? node_first_child(plan, c) : c, label);
    }
}

/* NULL: the node awaits none. */
static const struct future_name *future_of(const struct tree *tree, uint32_t node)
{
    const struct node *n = &tree->plan->nodes[node];
    for (size_t f = 0; f < n->shape->n_fields; f++)
        if (n->shape->fields[f].type == FIELD_FUTURE)
            return n->arguments[f].future;
    return NULL;
}

/* While the task runs the loop told which these are. */
static bool is_pending_future(const struct tree *tree, uint32_t node)
{
    const struct buffer *futures = &tree->request->futures;
    const struct future_name *future = futures->size ? future_of(tree, node) : NULL;
    return future && futures->bytes[future->index] == 'p';
}

/* Without the brace that closes it. */
static void open_node(struct tree *tree, uint32_t node, size_t *label)
{
    struct buffer *b = &tree->out;
    const struct trace_entry *entry = find_entry(tree, node);
    buffer_format(b, "{\"op\":\"%s\"", tree->plan->nodes[node].shape->name);
    write_name(tree, node, label);
    write_path(tree, node);
    if (entry)
        write_run(tree, entry);
    else
        buffer_text(b,
                    ",\"state\":\"pending\",\"runs\":0,\"started_at\":null,\"finished_at\":null");
    if (is_pending_future(tree, node)) {
        buffer_text(b, ",\"callback\":");
        callback_write(b, tree->request->server, &tree->request->id, future_of(tree, node)->name);
    }
    buffer_text(b, ",\"children\":[");
    write_children(tree, node, label);
    buffer_char(b, ']');
}

/* As deep as specs may be (PLAN_DEPTH_MAX). */
static void write_node(struct tree *tree, uint32_t node, size_t *label)
{
    open_node(tree, node, label);
    buffer_char(&tree->out, '}');
}

/* The spec's root, and with it the definitions that are called and the tasks that live. */
static void write_tree(struct tree *tree, const struct buffer *tasks)
{
    struct buffer *b = &tree->out;
    const struct plan *plan = tree->plan;
    size_t label = 0;
    open_node(tree, plan->root, &label);
    buffer_text(b, ",\"coroutines\":[");
    for (uint32_t i = 1; i < plan->n_coroutines; i++) {
        buffer_text(b, i > 1 ? ",{\"name\":" : "{\"name\":");
        buffer_json_string(b, plan->coroutines[i].name, strlen(plan->coroutines[i].name));
        buffer_text(b, ",\"body\":");
        write_node(tree, plan->coroutines[i].root, &label);
        buffer_char(b, '}');
    }
    buffer_text(b, "],\"tasks\":");
    buffer_add(b, tasks->size ? tasks->bytes : "[]", tasks->size ? tasks->size : 2);
    buffer_char(b, '}');
    b->failed |= tasks->failed;
}

/* A plan of one node has no trace: the record says it all. */
static void read_record(struct tree *tree, const struct task_record *record)
{
    const char *outcome = record->state == TASK_SUCCEEDED ? record->result : record->error;
    tree->entry = (struct trace_entry){.node = tree->plan->root,
                                       .state = record->state,
                                       .n_runs = 1,
                                       .took_us = record->finished_at_us - record->started_at_us,
                                       .outcome = outcome,
                                       .outcome_size = outcome ? strlen(outcome) : 0};
    tree->has_entry = true;
}

static bool is_text(const struct request *request)
{
    const char *format = query_get(&request->query, "format");
    return format && strcmp(format, "text") == 0;
}

static void answer_tree(struct request *request, const struct plan *plan, const void *trace,
                        size_t trace_size)
{
    const struct task_record *record = request->record;
    struct tree tree = {.request = request,
                        .plan = plan,
                        .started_at_us = record->started_at_us,
                        .is_drawn = is_text(request)};
    if (!sort_labels(&tree)) {
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    tree.trace.at = trace;
    tree.trace.end = tree.trace.at + trace_size;
    if (trace_size > 0)
        tree.has_entry = trace_read(&tree.trace, &tree.entry);
    else if (plan->n_nodes == 1 && task_state_is_final(record->state))
        read_record(&tree, record);
    write_tree(&tree, &request->tasks);
    free(tree.labels);
    if (tree.is_drawn)
        tree_reply_text(request, &tree.out);
    else
        reply_json(request, 200, &tree.out);
}

/* ---- of a task that is not running ---- */

/* NULL, and *has_memory says whether that was to blame. */
static struct plan *compile_stored(const struct task_record *record, bool *has_memory)
{
    struct error_list errors = {0};
    struct plan *plan = NULL;
    /* The task's own timeout is a node of the trace, whatever its seconds were. */
    const struct plan_options options = {
        .ops = runtime_ops(),
        .timeout = record->has_timeout || record->deadline_at_us ? 0 : TIMEOUT_NONE};
    if (record->spec)
        plan = plan_compile_packed(record->spec, &options, &errors);
    *has_memory = plan || errors.n == 0 || errors.capacity > 0;
    error_list_release(&errors);
    return plan;
}

static void answer_stored(struct request *request)
{
    if (!task_read(request, STORE_SPEC | STORE_TRACE))
        return;
    bool has_memory;
    struct plan *plan = compile_stored(request->record, &has_memory);
    if (!has_memory) {
        reply_code(request, ERROR_NO_MEMORY);
        return;
    }
    if (!plan) {
        reply_problem(request, 500, "the task's spec cannot be read any more by this version");
        return;
    }
    answer_tree(request, plan, request->record->trace, request->record->trace_size);
    plan_unref(plan);
}

/* ---- of one that is ---- */

/* [loop] */
static void look_done(struct look *look, int status)
{
    struct request *request = CONTAINER_OF(look, struct request, look);
    request->outcome = status;
    request->plan = status == 0 ? look->plan : NULL;
    request->trace = status == 0 ? look->trace : (struct buffer){0};
    request->tasks = status == 0 ? look->tasks : (struct buffer){0};
    request->futures = status == 0 ? look->futures : (struct buffer){0};
    request_wake(request);
}

static void answer_look(struct request *request)
{
    if (request->outcome != 0)
        answer_stored(request);
    else if (request->trace.failed || request->futures.failed)
        reply_code(request, ERROR_NO_MEMORY);
    else
        answer_tree(request, request->plan, request->trace.bytes, request->trace.size);
}

void get_task_tree(struct request *request)
{
    static const char *const known[] = {"format", NULL};
    struct server *server = request->server;
    const char *format = query_get(&request->query, "format");
    if (!query_check(request, known))
        return;
    if (format && strcmp(format, "json") != 0 && strcmp(format, "text") != 0) {
        reply_problem(request, 422, "format=%.100s must be 'json' or 'text'", format);
        return;
    }
    if (!task_read(request, 0))
        return;
    if (task_state_is_final(request->record->state)) {
        answer_stored(request);
        return;
    }
    if (safe_mode_is_on(server)) { /* how far it came is not known before it runs */
        safe_mode_refuse(request);
        return;
    }
    if (!server_may_ask(server)) {
        reply_code(request, ERROR_DRAINING);
        return;
    }
    request->look =
        (struct look){.id = request->id, .loop = request->record->loop, .done = look_done};
    request_park(request, answer_look);
    runtime_look(server->runtime, &request->look);
    server_asked(server);
}
