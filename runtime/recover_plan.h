/* The plans of jobs that a start goes on with. For recover.c. [main] */
#ifndef AWAITD_RUNTIME_RECOVER_PLAN_H
#define AWAITD_RUNTIME_RECOVER_PLAN_H

#include "runtime/store/record.h"
#include "schema/plan.h"

/* Many a task is the same job as the one before it: then they share the plan. Start with {0}. */
struct recovered_plans {
    struct plan *last; /* NULL: none */
    char *spec;
    double timeout;
};

/* What the record's spec says, or a job that fails; takes the spec from it. */
struct plan *recovered_plan(struct recovered_plans *plans, struct task_record *record);
void recovered_plans_release(struct recovered_plans *plans);

/* In place of a spec that cannot go on: one that raises this. */
struct plan *recovered_failure(const char *type, const char *message);

#endif
