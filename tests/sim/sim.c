#include "tests/sim/sim.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/output.h"
#include "tests/sim/outside.h"
#include "tests/sim/set_future.h"
#include "tests/sim/sim_internal.h"

static struct sim *sim_of(struct host *host)
{
    return (struct sim *)host;
}

/* ---- noise ---- */

/* splitmix64; below n */
static uint64_t draw(struct sim *sim, uint64_t n)
{
    uint64_t z = sim->noise += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % n;
}

static bool happens(struct sim *sim, unsigned once_in)
{
    return sim->noise && draw(sim, once_in) == 0;
}

/* Up to n nanoseconds; without noise none. */
static int64_t noise_ns(struct sim *sim, int64_t n)
{
    return sim->noise ? (int64_t)draw(sim, (uint64_t)n) : 0;
}

#define MICROSECOND 1000
#define SECOND INT64_C(1000000000)

/* ---- clocks and chance ---- */

static int64_t sim_now_ns(struct host *host)
{
    struct sim *sim = sim_of(host);
    return sim->now_ns += noise_ns(sim, 3 * MICROSECOND);
}

/* Nobody is woken when it jumps. */
static int64_t wall_us(const struct sim *sim)
{
    int64_t us = sim->now_ns / 1000 + sim->wall_offset_us;
    for (size_t i = 0; i < sim->c->n_jumps; i++)
        if (sim->now_ns >= llround(sim->c->jumps[i].at * 1e9))
            us += llround(sim->c->jumps[i].seconds * 1e6);
    return us;
}

static int64_t sim_wall_us(struct host *host)
{
    struct sim *sim = sim_of(host);
    if (happens(sim, 16))
        sim->wall_offset_us = noise_ns(sim, 4 * SECOND) / 1000 - 2000000;
    return wall_us(sim);
}

static double sim_chance(struct host *host)
{
    struct sim *sim = sim_of(host);
    return sim->noise ? (double)draw(sim, 1 << 20) / (1 << 20) : 0.5;
}

static bool is_recorded(const struct sim *sim)
{
    return sim->c->crash_every == 0;
}

static void arm_leaf(struct sim *sim, struct event *event, const struct leaf *leaf, double after)
{
    int64_t due_ns = sim->now_ns + llround(after * 1e9) + noise_ns(sim, SECOND / 2);
    event->due_ns = crash_recall(sim, leaf, due_ns);
    timer_arm(&sim->loop.timers, &event->timer, event->due_ns);
}

/* ---- processes ---- */

static void process_over(struct timer *timer)
{
    struct event *event = CONTAINER_OF(timer, struct event, timer);
    struct process *process = event->process;
    process->exit_code = event->exit_code;
    if (is_recorded(event->sim))
        recorder_exited(&event->sim->recorder, process);
    free(event);
    outside_print(process);
    process->ended(process);
}

static void print_to(const struct process *process, struct output *output, const char *text)
{
    output_add(output, text, strlen(text), process->max_output);
    output_finish(output);
}

static void sim_spawn(struct host *host, struct process *process)
{
    struct sim *sim = sim_of(host);
    struct event *event = memory_new_zeroed(1, sizeof *event);
    double after = 0;
    BUG_ON(strcmp(process->argv[0], "sim") != 0);
    for (const char *const *word = process->argv + 1; *word; word++) {
        const char *is = strchr(*word, '=');
        if (strncmp(*word, "after=", 6) == 0)
            after = atof(is + 1);
        else if (strncmp(*word, "exit=", 5) == 0)
            event->exit_code = atoi(is + 1);
        else if (strncmp(*word, "stdout=", 7) == 0)
            print_to(process, &process->out, is + 1);
        else if (strncmp(*word, "stderr=", 7) == 0)
            print_to(process, &process->err, is + 1);
        else if (strcmp(*word, "ignore_term") == 0)
            event->ignores_term = true;
        else
            BUG_ON(true);
    }
    event->timer.fire = process_over;
    event->sim = sim;
    event->process = process;
    process->host = event;
    process->error = happens(sim, 16) ? ENOENT : 0;
    if (process->error && process->cwd && happens(sim, 2))
        process->part = PROCESS_CWD;
    arm_leaf(sim, event, &process->leaf, after);
}

static void sim_kill(struct host *host, struct process *process, int signal)
{
    struct sim *sim = sim_of(host);
    struct event *event = process->host;
    if (signal == SIGTERM && event->ignores_term)
        return;
    event->exit_code = -signal;
    timer_disarm(&sim->loop.timers, &event->timer);
    event->due_ns = sim->now_ns + noise_ns(sim, SECOND / 2);
    timer_arm(&sim->loop.timers, &event->timer, event->due_ns);
}

static void sim_abandon(struct host *host, struct process *process)
{
    struct event *event = process->host;
    crash_remember(sim_of(host), &process->leaf, event->due_ns);
    timer_disarm(&sim_of(host)->loop.timers, &event->timer);
    free(event);
}

/* ---- operations ---- */

static void operation_over(struct timer *timer)
{
    struct event *event = CONTAINER_OF(timer, struct event, timer);
    struct operation *operation = event->operation;
    if (is_recorded(event->sim))
        recorder_answered(&event->sim->recorder, operation);
    free(event);
    operation->ended(operation);
}

static void sim_begin(struct host *host, struct operation *operation)
{
    struct sim *sim = sim_of(host);
    struct event *event = memory_new_zeroed(1, sizeof *event);
    double after = outside_answer(operation);
    event->timer.fire = operation_over;
    event->sim = sim;
    event->operation = operation;
    operation->host = event;
    if (happens(sim, 16)) {
        answer_release(&operation->answer);
        operation->answer.type = memory_text("OSError");
    }
    arm_leaf(sim, event, &operation->leaf, after);
}

static void sim_give_up(struct host *host, struct operation *operation)
{
    struct event *event = operation->host;
    crash_remember(sim_of(host), &operation->leaf, event->due_ns);
    timer_disarm(&sim_of(host)->loop.timers, &event->timer);
    free(event);
    operation_free(operation);
}

/* ---- what the loop tells ---- */

static void logged(void *context, struct job *job, const struct log_entry *entry)
{
    struct sim *sim = context;
    struct sim_outcome *out = sim->out;
    (void)job;
    if (is_recorded(sim))
        watch_logged(&sim->recorder.watch, entry);
    if (entry->seq <= sim->disk.last_line) /* the store has it */
        return;
    sim->disk.last_line = entry->seq;
    if (strcmp(entry->stream, "log") != 0)
        return;
    out->log = memory_resize(out->log, (out->n_log + 1) * sizeof *out->log);
    out->log[out->n_log++] =
        (struct sim_log){(double)sim->now_ns / 1e9, memory_text(entry->level),
                         memory_text(entry->message), memory_text(entry->path)};
}

static void ended(void *context, struct job *job)
{
    struct sim *sim = context;
    sim->out->ended = task_record_ref(job_finish_record(job));
    if (is_recorded(sim))
        watch_ended(&sim->recorder.watch, sim->out->ended);
    sim->out->took = (double)sim->now_ns / 1e9;
    sim->has_ended = true;
}

static const struct loop_events events = {.logged = logged, .ended = ended};

/* ---- the run ---- */

static void cancel_due(struct timer *timer)
{
    struct event *event = CONTAINER_OF(timer, struct event, timer);
    event->has_happened = true;
    if (is_recorded(event->sim))
        recorder_cancelled(&event->sim->recorder, event->cancel->message);
    request_cancel(event->sim->job, event->cancel->message);
}

static void reschedule_due(struct timer *timer)
{
    struct event *event = CONTAINER_OF(timer, struct event, timer);
    const struct sim_reschedule *asked = event->reschedule;
    event->has_happened = true;
    if (is_recorded(event->sim))
        recorder_rescheduled(&event->sim->recorder, asked->name, asked->seconds);
    request_reschedule(event->sim->job, asked->name, asked->seconds);
}

static void future_due(struct timer *timer)
{
    struct event *event = CONTAINER_OF(timer, struct event, timer);
    event->has_happened = true;
    if (is_recorded(event->sim))
        recorder_set_future(&event->sim->recorder, &event->future->set);
    request_set_future(event->sim->job, &event->future->set);
}

size_t sim_count_requests(const struct sim_case *c)
{
    return c->n_cancels + c->n_reschedules + c->n_futures;
}

void sim_arm_request(struct sim *sim, struct event *event)
{
    timer_arm(&sim->loop.timers, &event->timer, event->due_ns);
}

static void arm(struct sim *sim, struct event *event, double at, void (*fire)(struct timer *))
{
    event->sim = sim;
    event->timer.fire = fire;
    event->due_ns = llround(at * 1e9) + noise_ns(sim, SECOND / 2);
    sim_arm_request(sim, event);
}

/* Cancellations first, then reschedules, then futures. */
static struct event *arm_requests(struct sim *sim, const struct sim_case *c)
{
    struct event *armed = memory_new_zeroed(sim_count_requests(c) + 1, sizeof *armed);
    for (size_t i = 0; i < c->n_cancels; i++) {
        armed[i].cancel = &c->cancels[i];
        arm(sim, &armed[i], c->cancels[i].at, cancel_due);
    }
    for (size_t i = 0; i < c->n_reschedules; i++) {
        struct event *event = &armed[c->n_cancels + i];
        event->reschedule = &c->reschedules[i];
        arm(sim, event, c->reschedules[i].at, reschedule_due);
    }
    for (size_t i = 0; i < c->n_futures; i++) {
        struct event *event = &armed[c->n_cancels + c->n_reschedules + i];
        event->future = &c->futures[i];
        arm(sim, event, c->futures[i].at, future_due);
    }
    return armed;
}

static void disarm_requests(struct sim *sim, struct event *armed, const struct sim_case *c)
{
    for (size_t i = 0; i < sim_count_requests(c); i++)
        timer_disarm(&sim->loop.timers, &armed[i].timer);
}

/* Sleeps until then; under noise, sometimes longer. */
static void wait_until(struct sim *sim, int64_t until_ns)
{
    if (until_ns > sim->now_ns)
        sim->now_ns = until_ns;
    if (happens(sim, 4))
        sim->now_ns += noise_ns(sim, 2 * SECOND);
}

static void run_to_end(struct sim *sim)
{
    while (!sim->has_ended) {
        sim->loop.slice = sim->noise ? (uint32_t)draw(sim, 8) : 0;
        loop_fire_due(&sim->loop, sim->now_ns, wall_us(sim));
        if (is_recorded(sim))
            recorder_turn(&sim->recorder, sim->loop.slice);
        int64_t next_ns = loop_give_turns(&sim->loop);
        if (!is_recorded(sim) && !sim->has_ended) {
            crash_after_round(sim);
            next_ns = list_is_empty(&sim->loop.ready) ? timer_next(&sim->loop.timers) : 0;
        }
        next_ns = loop_next(&sim->loop, next_ns, sim->now_ns, wall_us(sim));
        if (next_ns == INT64_MAX)
            break;
        wait_until(sim, next_ns);
    }
    if (!sim->has_ended && is_recorded(sim))
        watch_note(&sim->recorder.watch, &(struct tape_entry){.kind = TAPE_STUCK});
}

void sim_start(struct sim *sim, bool is_held)
{
    loop_init(&sim->loop, is_recorded(sim) ? &sim->recorder.host : &sim->host, &events, sim);
    sim->loop.services = outside_services();
    sim->loop.journals.is_on = !is_recorded(sim);
    if (is_recorded(sim))
        sim->loop.observer = &sim->recorder.watch.observer;
    sim->job = job_new(&sim->loop, plan_ref(sim->plan), memory_need(task_record_new()), is_held);
    sim->job->is_stored = true;
    loop_add(&sim->loop, sim->job);
}

bool sim_run(struct plan *plan, const struct sim_case *c, struct sim_outcome *out)
{
    struct sim sim = {.host = {.now_ns = sim_now_ns,
                               .wall_us = sim_wall_us,
                               .chance = sim_chance,
                               .spawn = sim_spawn,
                               .kill = sim_kill,
                               .abandon = sim_abandon,
                               .begin = sim_begin,
                               .give_up = sim_give_up},
                      .noise = c->noise,
                      .out = out,
                      .c = c,
                      .plan = plan};
    *out = (struct sim_outcome){0};
    recorder_init(&sim.recorder, &sim.host, plan, &out->recording);
    sim_start(&sim, false);
    sim.requests = arm_requests(&sim, c);
    run_to_end(&sim);
    disarm_requests(&sim, sim.requests, c);
    loop_release(&sim.loop);
    recorder_release(&sim.recorder);
    crash_release(&sim);
    free(sim.requests);
    return sim.has_ended;
}

/* ---- plans ---- */

static json_t *find_coroutine(void *context, const char *name)
{
    return json_incref(json_object_get(context, name));
}

static char *complaint(const struct error_list *errors)
{
    struct buffer text = {0};
    for (size_t i = 0; i < errors->n; i++)
        buffer_format(&text, "%s: %s\n", errors->items[i].pointer, errors->items[i].detail);
    return buffer_take(&text);
}

struct plan *sim_compile(const struct sim_case *c, char **job, char **why)
{
    struct error_list errors = {0};
    json_t *needed = NULL;
    const struct coroutine_source source = {find_coroutine, (json_t *)c->coroutines};
    const struct node_check check = services_check(outside_services());
    const struct plan_options options = {.ops = &op_registry,
                                         .coroutines = &source,
                                         .check = &check,
                                         .timeout = c->timeout,
                                         .needed = &needed};
    struct plan *plan = plan_compile(c->spec, &options, &errors);
    *job = plan ? memory_need(plan_pack(c->spec, needed)) : NULL;
    *why = plan ? NULL : complaint(&errors);
    json_decref(needed);
    error_list_release(&errors);
    return plan;
}

void sim_outcome_release(struct sim_outcome *out)
{
    for (size_t i = 0; i < out->n_log; i++) {
        free(out->log[i].level);
        free(out->log[i].message);
        free(out->log[i].path);
    }
    free(out->log);
    recording_release(&out->recording);
    task_record_unref(out->ended);
    *out = (struct sim_outcome){0};
}
