#include "runtime/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/scope.h"
#include "schema/field.h"
#include "schema/json_load.h"

/* ---- templates ---- */

/* The variable's value, or what the path names in it; or NULL and the KeyError. */
static struct value *look_up(struct task *task, uint32_t node, const struct reference *reference,
                             struct value **error)
{
    struct value *variable = *scope_find(task->scope, reference->scope, reference->variable);
    struct value *found = variable ? reference_follow(reference, variable) : NULL;
    task->job->work += variable && reference->n_steps ? variable->size : 0;
    *error = found ? NULL : exception_key_error(task->job->plan, node, reference->text);
    return found;
}

/* Appends what the template says. NULL, or the exception to raise. */
static struct value *write_template(struct task *task, uint32_t node, const struct template *t,
                                    struct buffer *out)
{
    struct value *error = NULL;
    buffer_text(out, "");
    for (uint32_t i = 0; i < t->n_parts && !error; i++) {
        const struct template_part *part = &t->parts[i];
        if (part->kind == PART_LITERAL) {
            buffer_add(out, part->literal.bytes, part->literal.size);
            continue;
        }
        struct value *value = look_up(task, node, part->reference, &error);
        if (value) {
            size_t value_size = value->size;
            reference_write(out, part->kind, value);
            value_unref(value);
            task->job->work += value_size;
            error = job_refuse_size(task->job, node, out->size);
        }
    }
    memory_need(out->bytes);
    return error;
}

/* The template's value; or NULL and the exception to raise. */
static struct value *template_value(struct task *task, uint32_t node, const struct template *t,
                                    struct value **error)
{
    if (template_is_value(t))
        return look_up(task, node, t->parts[0].reference, error);
    struct buffer text = {0};
    *error = write_template(task, node, t, &text);
    struct value *value = *error ? NULL : memory_need(value_from_text(text.bytes, text.size));
    buffer_release(&text);
    return value;
}

struct value *evaluate_late(struct task *task, struct frame *frame, unsigned field)
{
    struct value *error;
    const struct node *node = frame_node(task, frame);
    struct value *value =
        template_value(task, frame->node, node->arguments[field].template, &error);
    return value ? value : error;
}

/* ---- fields ---- */

static struct value *wrong_field(struct task *task, uint32_t node, const struct field_shape *field,
                                 const struct field_error *e)
{
    char message[400];
    snprintf(message, sizeof message, "'%s' %s", field->name, e->text);
    return exception_new(task->job->plan, node,
                         &(struct exception_parts){.type = e->is_type ? "TypeError" : "ValueError",
                                                   .message = message});
}

static struct value *evaluate_text(struct task *task, uint32_t node,
                                   const struct field_shape *field, struct evaluated *self,
                                   unsigned f, const struct buffer *text)
{
    struct text *kept = memory_need(plan_allocate(self->memory, sizeof *kept + text->size + 1));
    char *bytes = (char *)(kept + 1);
    if (text->size)
        memcpy(bytes, text->bytes, text->size);
    bytes[text->size] = '\0';
    *kept = (struct text){text->size, bytes};
    self->arguments[f].text = kept;
    if ((double)text->size < field->min)
        return wrong_field(task, node, field, &(struct field_error){false, "must not be empty"});
    if (strlen(bytes) == text->size)
        return NULL;
    return wrong_field(task, node, field, &(struct field_error){false, "has a null character"});
}

/* Of all other types: as if the spec had said so. */
static struct value *evaluate_checked(struct task *task, uint32_t node,
                                      const struct field_shape *field, struct evaluated *self,
                                      unsigned f, const struct buffer *text)
{
    struct field_error e;
    json_t *value = json_load_text(text->bytes, text->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!value)
        return wrong_field(task, node, field, &(struct field_error){false, "is nested too deep"});
    bool is_null = field->nullable && json_is_null(value);
    bool is_good = is_null || field_check(self->memory, field, value, &self->arguments[f], &e);
    json_decref(value);
    if (is_null)
        self->present &= ~(1u << f);
    return is_good ? NULL : wrong_field(task, node, field, &e);
}

static struct value *evaluate_field(struct task *task, uint32_t node, struct evaluated *self,
                                    unsigned f)
{
    const struct node *n = &task->job->plan->nodes[node];
    const struct field_shape *field = &n->shape->fields[f];
    const struct template *template = n->arguments[f].template;
    struct value *error;
    if (field->type == FIELD_JSON || field->type == FIELD_ARGUMENTS) {
        struct value *value = template_value(task, node, template, &error);
        self->arguments[f].json = value ? value : value_null;
        return error;
    }
    struct buffer text = {0};
    error = write_template(task, node, template, &text);
    if (!error)
        error = field->type == FIELD_TEXT ? evaluate_text(task, node, field, self, f, &text)
                                          : evaluate_checked(task, node, field, self, f, &text);
    buffer_release(&text);
    return error;
}

struct value *evaluate_start(struct task *task, struct frame *frame)
{
    const struct node *node = frame_node(task, frame);
    unsigned n = node->shape->n_fields;
    struct evaluated *self = memory_new_zeroed(1, sizeof *self + n * sizeof *self->arguments);
    struct value *error = NULL;
    *frame_evaluated(node, frame) = self;
    self->memory = memory_need(plan_new());
    self->present = node->present;
    for (unsigned f = 0; f < n; f++)
        if (node->dynamic >> f & 1)
            self->arguments[f].json = value_null;
        else if (node->present >> f & 1 && field_has_argument(&node->shape->fields[f]))
            self->arguments[f] = node->arguments[f];
    for (unsigned f = 0; f < n && !error; f++)
        if (node->dynamic >> f & 1)
            error = evaluate_field(task, frame->node, self, f);
    return error;
}

void evaluate_release(struct task *task, struct frame *frame)
{
    const struct node *node = frame_node(task, frame);
    struct evaluated *self = *frame_evaluated(node, frame);
    if (!self)
        return;
    for (unsigned f = 0; f < node->shape->n_fields; f++) {
        enum field_type type = node->shape->fields[f].type;
        if (node->dynamic >> f & 1 && (type == FIELD_JSON || type == FIELD_ARGUMENTS))
            value_unref(self->arguments[f].json);
    }
    plan_unref(self->memory);
    free(self);
}
