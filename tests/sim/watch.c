#include "tests/sim/watch.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"

void watch_complain(struct watch *watch, const char *format, ...)
{
    va_list arguments;
    char *text;
    if (watch_has_complaint(watch))
        return;
    va_start(arguments, format);
    BUG_ON(vasprintf(&text, format, arguments) < 0);
    va_end(arguments);
    buffer_text(&watch->complaint, "replay: ");
    buffer_text(&watch->complaint, text);
    free(text);
}

static void complain_of(struct watch *watch, const struct tape_entry *deed,
                        const struct tape_entry *former)
{
    struct buffer here = {0}, there = {0}, last = {0};
    tape_show(deed, watch->plan, &here);
    tape_show(former, watch->plan, &there);
    tape_show(&watch->last, watch->plan, &last);
    watch_complain(watch, "did: %s, where the recorded run did: %s; before that, both: %s",
                   here.bytes, there.bytes, last.bytes);
    buffer_release(&here);
    buffer_release(&there);
    buffer_release(&last);
}

void watch_note(struct watch *watch, const struct tape_entry *deed)
{
    if (watch->deeds) {
        tape_add(watch->deeds, deed);
    } else if (!watch_has_complaint(watch)) {
        struct tape_entry former = tape_peek(&watch->former);
        if (!tape_is_same(deed, &former))
            complain_of(watch, deed, &former);
        watch->last = former;
        tape_skip(&watch->former);
    }
}

static void note_text(struct watch *watch, enum tape_kind kind, const void *text, size_t size)
{
    if (text)
        watch_note(watch, &(struct tape_entry){.kind = kind, .text = text, .size = size});
}

static void note_string(struct watch *watch, enum tape_kind kind, const char *text)
{
    note_text(watch, kind, text, text ? strlen(text) : 0);
}

void watch_end(struct watch *watch)
{
    if (!watch->deeds)
        watch_note(watch, &(struct tape_entry){.kind = TAPE_END});
}

/* ---- the observer ---- */

static struct watch *watch_of(struct loop_observer *observer)
{
    return (struct watch *)observer;
}

static void called(struct loop_observer *observer, struct job *job, enum handle_kind kind,
                   void *pointer)
{
    struct watch *watch = watch_of(observer);
    struct task *task = NULL;
    uint32_t node = 0;
    (void)job;
    if (kind == HANDLE_STEP || kind == HANDLE_WAKEUP || kind == HANDLE_DONE) {
        task = pointer;
        node = kind == HANDLE_DONE ? task->first.code : task->current;
    } else if (kind == HANDLE_TIMER) {
        struct frame *frame = &CONTAINER_OF(pointer, struct timed_frame, timer)->base;
        task = frame_task(frame);
        node = frame->node;
    }
    int64_t number = task ? task->number : 0;
    watch_note(watch, &(struct tape_entry){TAPE_TAKEN_BACK + kind, node, number, NULL, 0});
}

static void armed(struct loop_observer *observer, struct timed_frame *frame, int64_t due)
{
    struct watch *watch = watch_of(observer);
    census_add(&watch->timers, frame);
    watch_note(watch, &(struct tape_entry){TAPE_ARMED, frame->base.node, due, NULL, 0});
}

static void queued(struct loop_observer *observer, struct timed_frame *frame)
{
    struct watch *watch = watch_of(observer);
    uint32_t number = census_find(&watch->timers, frame);
    census_drop(&watch->timers, number);
    if (watch->fired && number)
        tape_add(watch->fired, &(struct tape_entry){.kind = TAPE_FIRED, .which = number});
}

static void disarmed(struct loop_observer *observer, struct timed_frame *frame)
{
    struct watch *watch = watch_of(observer);
    uint32_t number = census_find(&watch->timers, frame);
    census_drop(&watch->timers, number);
    if (number)
        watch_note(watch, &(struct tape_entry){.kind = TAPE_DISARMED, .which = number});
}

/* ---- what it tells others ---- */

void watch_logged(struct watch *watch, const struct log_entry *entry)
{
    struct buffer text = {0};
    buffer_format(&text, "%lld [%s] %s @%s %s", (long long)entry->seq, entry->level, entry->stream,
                  entry->path, entry->message);
    watch_note(watch, &(struct tape_entry){TAPE_LOGGED, 0, entry->at_us, text.bytes, text.size});
    buffer_release(&text);
}

void watch_ended(struct watch *watch, const struct task_record *record)
{
    const char *state = task_state_name(record->state);
    watch_note(watch,
               &(struct tape_entry){TAPE_ENDED, 0, record->finished_at_us, state, strlen(state)});
    note_string(watch, TAPE_RESULT, record->result);
    note_string(watch, TAPE_ERROR, record->error);
    note_string(watch, TAPE_UNHANDLED, record->unhandled);
    note_text(watch, TAPE_TRACE, record->trace, record->trace_size);
}

static void write_words(struct buffer *out, const char *name, const char *const *words)
{
    buffer_text(out, name);
    for (; words && *words; words++) {
        buffer_char(out, ' ');
        buffer_json_string(out, *words, strlen(*words));
    }
}

uint32_t watch_spawned(struct watch *watch, struct process *p)
{
    struct buffer text = {0};
    uint32_t number = census_add(&watch->processes, p);
    write_words(&text, "argv", p->argv);
    write_words(&text, " env", p->env);
    buffer_format(&text, " shell %s cwd %s max_output %zu inherit_env %d open %d",
                  p->shell ? p->shell : "", p->cwd ? p->cwd : "", p->max_output, p->inherit_env,
                  p->keeps_input_open);
    buffer_format(&text, " cpu_seconds %lld memory %lld open_files %lld nice %d uid %lld stdin ",
                  (long long)p->limits.cpu_seconds, (long long)p->limits.memory,
                  (long long)p->limits.open_files, p->limits.nice,
                  p->limits.has_uid ? (long long)p->limits.uid : -1ll);
    buffer_add(&text, p->input, p->input_size);
    watch_note(watch, &(struct tape_entry){TAPE_SPAWNED, number, 0, text.bytes, text.size});
    buffer_release(&text);
    return number;
}

void watch_killed(struct watch *watch, struct process *process, int signal)
{
    uint32_t number = census_find(&watch->processes, process);
    watch_note(watch, &(struct tape_entry){TAPE_KILLED, number, signal, NULL, 0});
}

void watch_abandoned(struct watch *watch, struct process *process)
{
    uint32_t number = census_find(&watch->processes, process);
    census_drop(&watch->processes, number);
    watch_note(watch, &(struct tape_entry){.kind = TAPE_ABANDONED, .which = number});
}

void watch_began(struct watch *watch, struct operation *operation)
{
    struct buffer text = {0};
    uint32_t number = census_add(&watch->operations, operation);
    operation->show(operation, &text);
    watch_note(watch,
               &(struct tape_entry){TAPE_BEGAN, number, operation->kind, text.bytes, text.size});
    buffer_release(&text);
}

void watch_gave_up(struct watch *watch, struct operation *operation)
{
    uint32_t number = census_find(&watch->operations, operation);
    census_drop(&watch->operations, number);
    watch_note(watch, &(struct tape_entry){.kind = TAPE_GAVE_UP, .which = number});
}

/* ---- life ---- */

static const struct loop_observer observer = {called, armed, queued, disarmed};

void watch_init(struct watch *watch, const struct plan *plan, struct buffer *fired,
                struct buffer *deeds)
{
    *watch = (struct watch){.observer = observer,
                            .plan = plan,
                            .fired = fired,
                            .deeds = deeds,
                            .last = {.kind = TAPE_END}};
}

void watch_init_against(struct watch *watch, const struct plan *plan, const struct buffer *former)
{
    *watch = (struct watch){.observer = observer,
                            .plan = plan,
                            .former = tape_reader(former),
                            .last = {.kind = TAPE_END}};
}

void watch_release(struct watch *watch)
{
    census_release(&watch->timers);
    census_release(&watch->processes);
    census_release(&watch->operations);
    buffer_release(&watch->complaint);
}
