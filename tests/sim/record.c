#include "tests/sim/record.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/journal/journal.h"
#include "runtime/journal/replay_call.h"

static struct recorder *recorder_of(struct host *host)
{
    return (struct recorder *)host;
}

static void write(struct recorder *recorder, enum tape_kind kind, uint32_t which, int64_t value)
{
    tape_add(&recorder->recording->answers,
             &(struct tape_entry){.kind = kind, .which = which, .value = value});
}

/* ---- the host ---- */

static int64_t record_now_ns(struct host *host)
{
    struct recorder *recorder = recorder_of(host);
    int64_t now_ns = recorder->inner->now_ns(recorder->inner);
    write(recorder, TAPE_NOW, 0, now_ns);
    return now_ns;
}

static int64_t record_wall_us(struct host *host)
{
    struct recorder *recorder = recorder_of(host);
    int64_t wall_us = recorder->inner->wall_us(recorder->inner);
    write(recorder, TAPE_WALL, 0, wall_us);
    return wall_us;
}

static double record_chance(struct host *host)
{
    struct recorder *recorder = recorder_of(host);
    double chance = recorder->inner->chance(recorder->inner);
    write(recorder, TAPE_CHANCE, 0, tape_bits(chance));
    return chance;
}

static void record_spawn(struct host *host, struct process *process)
{
    struct recorder *recorder = recorder_of(host);
    watch_spawned(&recorder->watch, process);
    recorder->inner->spawn(recorder->inner, process);
}

static void record_kill(struct host *host, struct process *process, int signal)
{
    struct recorder *recorder = recorder_of(host);
    watch_killed(&recorder->watch, process, signal);
    recorder->inner->kill(recorder->inner, process, signal);
}

static void record_abandon(struct host *host, struct process *process)
{
    struct recorder *recorder = recorder_of(host);
    watch_abandoned(&recorder->watch, process);
    recorder->inner->abandon(recorder->inner, process);
}

static void record_begin(struct host *host, struct operation *operation)
{
    struct recorder *recorder = recorder_of(host);
    watch_began(&recorder->watch, operation);
    recorder->inner->begin(recorder->inner, operation);
}

static void record_give_up(struct host *host, struct operation *operation)
{
    struct recorder *recorder = recorder_of(host);
    watch_gave_up(&recorder->watch, operation);
    recorder->inner->give_up(recorder->inner, operation);
}

void recorder_init(struct recorder *recorder, struct host *inner, const struct plan *plan,
                   struct recording *recording)
{
    *recorder = (struct recorder){.host = {.now_ns = record_now_ns,
                                           .wall_us = record_wall_us,
                                           .chance = record_chance,
                                           .spawn = record_spawn,
                                           .kill = record_kill,
                                           .abandon = record_abandon,
                                           .begin = record_begin,
                                           .give_up = record_give_up},
                                  .inner = inner,
                                  .recording = recording};
    watch_init(&recorder->watch, plan, &recording->answers, &recording->deeds);
}

void recorder_release(struct recorder *recorder)
{
    watch_release(&recorder->watch);
}

void recording_release(struct recording *recording)
{
    buffer_release(&recording->answers);
    buffer_release(&recording->deeds);
    *recording = (struct recording){0};
}

/* ---- what comes unasked ---- */

void recorder_turn(struct recorder *recorder, uint32_t slice)
{
    write(recorder, TAPE_TURN, 0, slice);
    watch_note(&recorder->watch, &(struct tape_entry){.kind = TAPE_TURN, .value = slice});
}

static void write_output(struct recorder *recorder, enum tape_kind kind, uint32_t number,
                         const struct output *output)
{
    tape_add(
        &recorder->recording->answers,
        &(struct tape_entry){kind, number, (int64_t)output->dropped, output->bytes, output->size});
}

void recorder_exited(struct recorder *recorder, struct process *process)
{
    uint32_t number = census_find(&recorder->watch.processes, process);
    BUG_ON(!number);
    if (process->error)
        write(recorder, TAPE_REFUSED, number, process->error * 16 + (int)process->part);
    else
        write(recorder, TAPE_EXITED, number, process->exit_code);
    write_output(recorder, TAPE_STDOUT, number, &process->out);
    write_output(recorder, TAPE_STDERR, number, &process->err);
    census_drop(&recorder->watch.processes, number);
}

static void write_text(struct recorder *recorder, enum tape_kind kind, uint32_t number,
                       const char *text)
{
    tape_add(&recorder->recording->answers,
             &(struct tape_entry){kind, number, text != NULL, text, text ? strlen(text) : 0});
}

void recorder_answered(struct recorder *recorder, struct operation *operation)
{
    uint32_t number = census_find(&recorder->watch.operations, operation);
    const struct answer *answer = &operation->answer;
    BUG_ON(!number);
    write(recorder, TAPE_ANSWERED, number, 0);
    write_text(recorder, TAPE_ANSWER_TYPE, number, answer->type);
    write_text(recorder, TAPE_ANSWER_DETAILS, number, answer->details);
    write_text(recorder, TAPE_ANSWER_TEXT, number, answer->text);
    census_drop(&recorder->watch.operations, number);
}

void recorder_cancelled(struct recorder *recorder, const char *message)
{
    tape_add(&recorder->recording->answers,
             &(struct tape_entry){TAPE_CANCELLED, message != NULL, 0, message,
                                  message ? strlen(message) : 0});
}

void recorder_rescheduled(struct recorder *recorder, const char *name, double seconds)
{
    tape_add(&recorder->recording->answers,
             &(struct tape_entry){TAPE_RESCHEDULED, name != NULL, tape_bits(seconds), name,
                                  name ? strlen(name) : 0});
}

/* ---- requests ---- */

void request_cancel(struct job *job, const char *message)
{
    job_request_cancel(job,
                       message ? memory_need(value_from_string(message, strlen(message))) : NULL);
}

void request_reschedule(struct job *job, const char *name, double seconds)
{
    journal_rescheduled(job, name, seconds, 0);
    replay_call_reschedule(job, name ? memory_text(name) : NULL, seconds, 0);
}
