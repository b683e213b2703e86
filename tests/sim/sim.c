#include "tests/sim/sim.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"
#include "runtime/timeout.h"

/* One thing that happens at a virtual time: a request from outside, or the end of a simulated
 * process. */
struct event {
    struct timer timer;
    struct sim *sim;
    struct value *message; /* of a cancellation */
    bool is_due;
    const struct sim_reschedule *reschedule;
    struct job_call call;
    struct process *process; /* that ends */
    int exit_code;
    bool ignores_term;
};

struct sim {
    struct host host; /* first: the host is the simulator */
    struct loop loop;
    int64_t now_ns;
    struct job *job;
    struct sim_outcome *out;
    bool has_ended;
};

static struct sim *sim_of(struct host *host)
{
    return (struct sim *)host;
}

static int64_t sim_now_ns(struct host *host)
{
    return sim_of(host)->now_ns;
}

static int64_t sim_wall_us(struct host *host)
{
    return sim_of(host)->now_ns / 1000;
}

/* ---- processes ---- */

static void process_over(struct timer *timer)
{
    struct event *event = CONTAINER_OF(timer, struct event, timer);
    struct process *process = event->process;
    process->exit_code = event->exit_code;
    free(event);
    process->ended(process);
}

static void print_to(struct output *output, const char *text)
{
    output->size = output->capacity = strlen(text);
    output->bytes = memory_need(strdup(text));
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
            print_to(&process->out, is + 1);
        else if (strncmp(*word, "stderr=", 7) == 0)
            print_to(&process->err, is + 1);
        else if (strcmp(*word, "ignore_term") == 0)
            event->ignores_term = true;
        else
            BUG_ON(true);
    }
    event->timer.fire = process_over;
    event->process = process;
    process->host = event;
    timer_arm(&sim->loop.timers, &event->timer, sim->now_ns + (int64_t)(after * 1e9));
}

static void sim_kill(struct host *host, struct process *process, int signal)
{
    struct sim *sim = sim_of(host);
    struct event *event = process->host;
    if (signal == SIGTERM && event->ignores_term)
        return;
    event->exit_code = -signal;
    timer_disarm(&sim->loop.timers, &event->timer);
    timer_arm(&sim->loop.timers, &event->timer, sim->now_ns);
}

static void sim_abandon(struct host *host, struct process *process)
{
    timer_disarm(&sim_of(host)->loop.timers, &((struct event *)process->host)->timer);
    free(process->host);
}

static double sim_chance(struct host *host)
{
    (void)host;
    return 0.5;
}

/* ---- what the loop tells ---- */

static void logged(void *context, struct job *job, const struct log_entry *entry)
{
    struct sim *sim = context;
    struct sim_outcome *out = sim->out;
    (void)job;
    if (strcmp(entry->stream, "log") != 0)
        return;
    out->log = memory_resize(out->log, (out->n_log + 1) * sizeof *out->log);
    out->log[out->n_log++] =
        (struct sim_log){(double)sim->now_ns / 1e9, memory_need(strdup(entry->level)),
                         memory_need(strdup(entry->message)), memory_need(strdup(entry->path))};
}

static void ended(void *context, struct job *job)
{
    struct sim *sim = context;
    sim->out->ended = task_record_ref(job_finish_record(job));
    sim->out->took = (double)sim->now_ns / 1e9;
    sim->has_ended = true;
}

static const struct loop_events events = {.logged = logged, .ended = ended};

/* ---- the run ---- */

static void cancel_due(struct timer *timer)
{
    struct event *event = CONTAINER_OF(timer, struct event, timer);
    job_request_cancel(event->sim->job, event->message);
    event->is_due = true;
}

static void reschedule_now(struct job_call *call, struct job *job)
{
    const struct sim_reschedule *asked = CONTAINER_OF(call, struct event, call)->reschedule;
    struct timeout_frame *timeout = job ? timeout_find(job, asked->name) : NULL;
    if (timeout)
        timeout_reschedule(timeout, isinf(asked->seconds)
                                        ? INT64_MAX
                                        : job->loop->host->now_ns(job->loop->host) +
                                              (int64_t)(asked->seconds * 1e9));
}

static void reschedule_due(struct timer *timer)
{
    struct event *event = CONTAINER_OF(timer, struct event, timer);
    job_call_soon(event->sim->job, &event->call);
}

static void arm(struct sim *sim, struct event *event, double at, void (*fire)(struct timer *))
{
    event->sim = sim;
    event->timer.fire = fire;
    timer_arm(&sim->loop.timers, &event->timer, (int64_t)(at * 1e9));
}

/* Cancellations first, then reschedules. */
static struct event *arm_requests(struct sim *sim, const struct sim_case *c)
{
    struct event *armed = memory_new_zeroed(c->n_cancels + c->n_reschedules + 1, sizeof *armed);
    for (size_t i = 0; i < c->n_cancels; i++) {
        const char *message = c->cancels[i].message;
        armed[i].message =
            message ? memory_need(value_from_string(message, strlen(message))) : NULL;
        arm(sim, &armed[i], c->cancels[i].at, cancel_due);
    }
    for (size_t i = 0; i < c->n_reschedules; i++) {
        struct event *event = &armed[c->n_cancels + i];
        event->reschedule = &c->reschedules[i];
        event->call.call = reschedule_now;
        arm(sim, event, c->reschedules[i].at, reschedule_due);
    }
    return armed;
}

static void disarm_requests(struct sim *sim, struct event *armed, const struct sim_case *c)
{
    for (size_t i = 0; i < c->n_cancels + c->n_reschedules; i++) {
        timer_disarm(&sim->loop.timers, &armed[i].timer);
        if (!armed[i].is_due)
            value_unref(armed[i].message);
    }
}

static void run_to_end(struct sim *sim)
{
    while (!sim->has_ended) {
        int64_t next_ns = loop_run(&sim->loop);
        if (next_ns == INT64_MAX)
            return;
        if (next_ns > sim->now_ns)
            sim->now_ns = next_ns;
    }
}

static void run_plan(struct plan *plan, const struct sim_case *c, struct sim_outcome *out)
{
    struct sim sim = {.host = {.now_ns = sim_now_ns,
                               .wall_us = sim_wall_us,
                               .chance = sim_chance,
                               .spawn = sim_spawn,
                               .kill = sim_kill,
                               .abandon = sim_abandon},
                      .out = out};
    struct task_record *record = memory_need(task_record_new());
    record->id = id_make(1, 1);
    loop_init(&sim.loop, &sim.host, &events, &sim);
    struct event *armed = arm_requests(&sim, c);
    sim.job = job_new(&sim.loop, plan, record, false);
    loop_add(&sim.loop, sim.job);
    run_to_end(&sim);
    disarm_requests(&sim, armed, c);
    loop_release(&sim.loop);
    free(armed);
}

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

int sim_run(const struct sim_case *c, struct sim_outcome *out, char **why)
{
    struct error_list errors = {0};
    const struct coroutine_source source = {find_coroutine, (json_t *)c->coroutines};
    const struct plan_options options = {
        .ops = &op_registry, .coroutines = &source, .timeout = c->timeout};
    *out = (struct sim_outcome){0};
    *why = NULL;
    struct plan *plan = plan_compile(c->spec, &options, &errors);
    if (plan)
        run_plan(plan, c, out);
    if (!out->ended)
        *why = plan ? memory_need(strdup("it would wait for ever")) : complaint(&errors);
    error_list_release(&errors);
    return out->ended ? 0 : -1;
}

void sim_outcome_release(struct sim_outcome *out)
{
    for (size_t i = 0; i < out->n_log; i++) {
        free(out->log[i].level);
        free(out->log[i].message);
        free(out->log[i].path);
    }
    free(out->log);
    task_record_unref(out->ended);
    *out = (struct sim_outcome){0};
}
