/* When a submission's task is to begin: its members `delay` and `run_at`. [http] */
#ifndef AWAITD_SERVER_LATER_H
#define AWAITD_SERVER_LATER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "schema/error.h"

struct later {
    double delay;      /* seconds; 0: none */
    int64_t run_at_us; /* of `run_at`, if has_run_at */
    bool has_delay, has_run_at;
};

/* Complain where they are wrong; null is as if the member were absent. */
void later_check_delay(struct later *later, const json_t *value, struct error_list *errors);
void later_check_run_at(struct later *later, const json_t *value, struct error_list *errors);
/* After both. */
void later_check(const struct later *later, struct error_list *errors);

/* The wall-clock time at which the task is due; 0: at once. */
int64_t later_run_at(const struct later *later, int64_t created_at_us);

#endif
