#include "tests/sim/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/ops/op.h"
#include "tests/sim/memory.h"
#include "tests/sim/set_future.h"
#include "tests/sim/outside.h"

struct replayer {
    struct host host; /* first: the host is the replayer */
    struct loop loop;
    struct job *job;
    struct watch watch;
    struct tape_reader answers;
    int64_t last_now_ns, last_wall_us; /* for an engine that went astray, up to the turn's end */
};

static struct replayer *replayer_of(struct host *host)
{
    return (struct replayer *)host;
}

static void complain_of(struct replayer *r, const char *did, const struct tape_entry *found)
{
    struct buffer there = {0}, last = {0};
    tape_show(found, r->watch.plan, &there);
    tape_show(&r->watch.last, r->watch.plan, &last);
    watch_complain(&r->watch, "%s where the record has %s; before that: %s", did, there.bytes,
                   last.bytes);
    buffer_release(&there);
    buffer_release(&last);
}

/* ---- the host: whatever is asked, the answer is the next thing on the record ---- */

static int64_t answer(struct replayer *r, enum tape_kind asked, int64_t otherwise)
{
    char did[80];
    struct tape_entry next = tape_peek(&r->answers);
    if (next.kind == asked && !watch_has_complaint(&r->watch)) {
        tape_skip(&r->answers);
        return next.value;
    }
    snprintf(did, sizeof did, "asked for %s", tape_kind_name(asked));
    complain_of(r, did, &next);
    return otherwise;
}

static int64_t replay_now_ns(struct host *host)
{
    struct replayer *r = replayer_of(host);
    return r->last_now_ns = answer(r, TAPE_NOW, r->last_now_ns);
}

static int64_t replay_wall_us(struct host *host)
{
    struct replayer *r = replayer_of(host);
    return r->last_wall_us = answer(r, TAPE_WALL, r->last_wall_us);
}

static double replay_chance(struct host *host)
{
    return tape_number(answer(replayer_of(host), TAPE_CHANCE, tape_bits(0)));
}

static void replay_spawn(struct host *host, struct process *process)
{
    watch_spawned(&replayer_of(host)->watch, process);
}

static void replay_kill(struct host *host, struct process *process, int signal)
{
    watch_killed(&replayer_of(host)->watch, process, signal);
}

static void replay_abandon(struct host *host, struct process *process)
{
    watch_abandoned(&replayer_of(host)->watch, process);
}

static void replay_begin(struct host *host, struct operation *operation)
{
    watch_began(&replayer_of(host)->watch, operation);
}

static void replay_give_up(struct host *host, struct operation *operation)
{
    watch_gave_up(&replayer_of(host)->watch, operation);
    operation_free(operation);
}

/* ---- what comes unasked ---- */

static void fire(struct replayer *r, const struct tape_entry *entry)
{
    struct timed_frame *frame = census_get(&r->watch.timers, entry->which);
    if (!frame) {
        complain_of(r, "has no such timer", entry);
        return;
    }
    loop_disarm(&r->loop, &frame->timer);
    frame->timer.fire(&frame->timer);
}

static void read_output(struct replayer *r, enum tape_kind kind, struct output *output)
{
    struct tape_entry entry = tape_peek(&r->answers);
    BUG_ON(entry.kind != kind);
    output->dropped = (size_t)entry.value;
    output->size = output->capacity = entry.size;
    output->head = entry.size - entry.size / 2; /* where some was dropped, there was no more room */
    output->bytes = memory_new(entry.size + 1);
    memcpy(output->bytes, entry.text, entry.size);
    tape_skip(&r->answers);
}

static void end_process(struct replayer *r, const struct tape_entry *entry)
{
    struct process *process = census_get(&r->watch.processes, entry->which);
    if (!process) {
        complain_of(r, "has no such process", entry);
        return;
    }
    census_drop(&r->watch.processes, entry->which);
    if (entry->kind == TAPE_REFUSED) {
        process->error = (int)entry->value / 16;
        process->part = (enum process_part)(entry->value % 16);
    } else {
        process->exit_code = (int)entry->value;
    }
    read_output(r, TAPE_STDOUT, &process->out);
    read_output(r, TAPE_STDERR, &process->err);
    outside_print(process);
    process->ended(process);
}

/* The text of the next entry, of that kind; NULL when it has none. */
static char *read_text(struct replayer *r, enum tape_kind kind, size_t *size)
{
    struct tape_entry entry = tape_peek(&r->answers);
    BUG_ON(entry.kind != kind);
    tape_skip(&r->answers);
    *size = entry.size;
    return entry.value ? memory_part(entry.text, entry.size) : NULL;
}

static void end_operation(struct replayer *r, const struct tape_entry *entry)
{
    struct operation *operation = census_get(&r->watch.operations, entry->which);
    size_t size;
    if (!operation) {
        complain_of(r, "has no such operation", entry);
        return;
    }
    census_drop(&r->watch.operations, entry->which);
    operation->answer.type = read_text(r, TAPE_ANSWER_TYPE, &size);
    operation->answer.details = read_text(r, TAPE_ANSWER_DETAILS, &size);
    operation->answer.text = read_text(r, TAPE_ANSWER_TEXT, &operation->answer.size);
    operation->ended(operation);
}

static char *copy_text(const struct tape_entry *entry)
{
    return entry->which ? memory_part(entry->text, entry->size) : NULL;
}

static void cancel(struct replayer *r, const struct tape_entry *entry)
{
    char *message = copy_text(entry);
    request_cancel(r->job, message);
    free(message);
}

static void reschedule(struct replayer *r, const struct tape_entry *entry)
{
    char *name = copy_text(entry);
    request_reschedule(r->job, name, tape_number(entry->value));
    free(name);
}

static void give_turns(struct replayer *r, const struct tape_entry *entry)
{
    watch_note(&r->watch, entry);
    r->loop.slice = (uint32_t)entry->value;
    loop_give_turns(&r->loop);
}

static void apply(struct replayer *r, const struct tape_entry *entry)
{
    switch (entry->kind) {
    case TAPE_TURN:
        give_turns(r, entry);
        break;
    case TAPE_FIRED:
        fire(r, entry);
        break;
    case TAPE_EXITED:
    case TAPE_REFUSED:
        end_process(r, entry);
        break;
    case TAPE_ANSWERED:
        end_operation(r, entry);
        break;
    case TAPE_CANCELLED:
        cancel(r, entry);
        break;
    case TAPE_FUTURE_SET:
        replay_set_future(r->job, entry);
        break;
    case TAPE_RESCHEDULED:
        reschedule(r, entry);
        break;
    default:
        complain_of(r, "asked for nothing more", entry);
    }
}

/* ---- the run ---- */

static void logged(void *context, struct job *job, const struct log_entry *entry)
{
    (void)job;
    watch_logged(&((struct replayer *)context)->watch, entry);
}

static void ended(void *context, struct job *job)
{
    watch_ended(&((struct replayer *)context)->watch, job_finish_record(job));
}

static const struct loop_events events = {.logged = logged, .ended = ended};

static void run(struct replayer *r, struct plan *plan)
{
    struct task_record *record = memory_need(task_record_new());
    loop_init(&r->loop, &r->host, &events, r);
    r->loop.observer = &r->watch.observer;
    r->loop.services = outside_services();
    r->job = job_new(&r->loop, plan_ref(plan), record, false);
    r->job->is_stored = true;
    loop_add(&r->loop, r->job);
    struct tape_entry entry;
    while (!watch_has_complaint(&r->watch) && (entry = tape_peek(&r->answers)).kind != TAPE_END) {
        tape_skip(&r->answers);
        apply(r, &entry);
    }
    if (r->job->phase != JOB_ENDED)
        watch_note(&r->watch, &(struct tape_entry){.kind = TAPE_STUCK});
    loop_release(&r->loop);
    watch_end(&r->watch);
}

struct plan *replay_compile(const char *job, double timeout)
{
    struct error_list errors = {0};
    const struct plan_options options = {.ops = &op_registry, .timeout = timeout};
    struct plan *plan = plan_compile_packed(job, &options, &errors);
    BUG_ON(!plan);
    error_list_release(&errors);
    return plan;
}

char *replay(struct plan *plan, const struct recording *recording)
{
    struct replayer r = {.host = {.now_ns = replay_now_ns,
                                  .wall_us = replay_wall_us,
                                  .chance = replay_chance,
                                  .spawn = replay_spawn,
                                  .kill = replay_kill,
                                  .abandon = replay_abandon,
                                  .begin = replay_begin,
                                  .give_up = replay_give_up},
                         .answers = tape_reader(&recording->answers)};
    watch_init_against(&r.watch, plan, &recording->deeds);
    memory_scatter(1);
    run(&r, plan);
    memory_scatter(0);
    char *complaint = buffer_take(&r.watch.complaint);
    watch_release(&r.watch);
    return complaint;
}
