#include "tests/sim/sim.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/loop.h"
#include "runtime/ops/op.h"

/* One thing that happens at a virtual time: a cancellation, or the end of a simulated process. */
struct event {
    struct timer timer;
    struct sim *sim;
    struct value *message;   /* of a cancellation */
    struct process *process; /* that ends */
    int exit_code;
    bool ignores_term;
    bool is_due;
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
    return sim_of(host)->now_ns / 1000 + 1;
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

/* ---- what the loop tells ---- */

static void logged(void *context, struct job *job, const struct log_entry *entry)
{
    struct sim *sim = context;
    struct sim_outcome *out = sim->out;
    (void)job;
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

static struct event *arm_cancels(struct sim *sim, const struct sim_cancel *cancels, size_t n)
{
    struct event *armed = memory_new_zeroed(n, sizeof *armed);
    for (size_t i = 0; i < n; i++) {
        const char *message = cancels[i].message;
        armed[i].sim = sim;
        armed[i].timer.fire = cancel_due;
        armed[i].message =
            message ? memory_need(value_from_string(message, strlen(message))) : NULL;
        timer_arm(&sim->loop.timers, &armed[i].timer, (int64_t)(cancels[i].at * 1e9));
    }
    return armed;
}

static void disarm_cancels(struct sim *sim, struct event *armed, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        timer_disarm(&sim->loop.timers, &armed[i].timer);
        if (!armed[i].is_due)
            value_unref(armed[i].message);
    }
    free(armed);
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

static void run_plan(struct plan *plan, const struct sim_cancel *cancels, size_t n_cancels,
                     struct sim_outcome *out)
{
    struct sim sim = {.host = {.now_ns = sim_now_ns,
                               .wall_us = sim_wall_us,
                               .spawn = sim_spawn,
                               .kill = sim_kill,
                               .abandon = sim_abandon},
                      .out = out};
    struct task_record *record = memory_need(task_record_new());
    record->id = id_make(1, 1);
    loop_init(&sim.loop, &sim.host, &events, &sim);
    struct event *armed = arm_cancels(&sim, cancels, n_cancels);
    sim.job = job_new(&sim.loop, plan, record, false);
    loop_add(&sim.loop, sim.job);
    run_to_end(&sim);
    disarm_cancels(&sim, armed, n_cancels);
    loop_release(&sim.loop);
}

static char *complaint(const struct error_list *errors)
{
    struct buffer text = {0};
    for (size_t i = 0; i < errors->n; i++)
        buffer_format(&text, "%s: %s\n", errors->items[i].pointer, errors->items[i].detail);
    return buffer_take(&text);
}

int sim_run(const json_t *spec, double timeout, const struct sim_cancel *cancels, size_t n_cancels,
            struct sim_outcome *out, char **why)
{
    struct error_list errors = {0};
    *out = (struct sim_outcome){0};
    *why = NULL;
    struct plan *plan = plan_compile(spec, &op_registry, timeout, "", &errors);
    if (plan)
        run_plan(plan, cancels, n_cancels, out);
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
