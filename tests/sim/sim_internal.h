/* What the simulator's files share: sim.c, and crash.c, which makes it crash. */
#ifndef AWAITD_TESTS_SIM_SIM_INTERNAL_H
#define AWAITD_TESTS_SIM_SIM_INTERNAL_H

#include "runtime/loop.h"
#include "tests/sim/sim.h"

/* What outlives a crash. */
struct crash_disk {
    struct buffer entries; /* of the journal */
    uint32_t n_rows;
    int64_t last_line; /* in the log */
    uint32_t n_rounds;
    bool is_crashing;
    struct crash_leaf { /* that was under way: the world outside goes on */
        uint32_t task, node;
        int64_t due_ns;
    } * leaves;
    size_t n_leaves;
};

/* One thing that happens at a virtual time: a request from outside, or the end of a simulated
 * process. */
struct event {
    struct timer timer;
    struct sim *sim;
    const struct sim_cancel *cancel;
    const struct sim_reschedule *reschedule;
    const struct sim_future *future;
    struct process *process;     /* that ends */
    struct operation *operation; /* that is answered */
    int64_t due_ns;              /* a leaf's */
    int exit_code;
    bool ignores_term;
    bool has_happened; /* a request */
};

struct sim {
    struct host host; /* first: the host is the simulator */
    struct loop loop;
    struct recorder recorder; /* between the loop and the host */
    int64_t now_ns, wall_offset_us;
    uint64_t noise; /* 0: none; else where the generator is */
    struct job *job;
    struct sim_outcome *out;
    bool has_ended;
    const struct sim_case *c;
    struct plan *plan;
    struct event *requests;
    struct crash_disk disk;
};

/* sim.c */
void sim_arm_request(struct sim *sim, struct event *event);
size_t sim_count_requests(const struct sim_case *c);
void sim_start(struct sim *sim, bool is_held);

/* crash.c: a round is over: what it left goes to disk, and then maybe the server dies. */
void crash_after_round(struct sim *sim);
/* A leaf is given up because of a crash. */
void crash_remember(struct sim *sim, const struct leaf *leaf, int64_t due_ns);
/* When it is over: `due_ns`, or what was remembered. */
int64_t crash_recall(struct sim *sim, const struct leaf *leaf, int64_t due_ns);
void crash_release(struct sim *sim);

#endif
