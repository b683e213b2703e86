#include "server/later.h"

#include <math.h>

#include "schema/time.h"

#define DELAY_MAX_S 3155760000 /* 100 years, as in the ops */

void later_check_delay(struct later *later, const json_t *value, struct error_list *errors)
{
    double given = json_number_value(value);
    if (json_is_null(value))
        return;
    later->has_delay = true;
    if (!json_is_number(value) || given < 0 || given > DELAY_MAX_S)
        error_list_add(errors, "/delay", "must be a number of seconds from 0 to %lld (100 years)",
                       (long long)DELAY_MAX_S);
    else
        later->delay = given;
}

/* A record knows no time 0: one microsecond more is in the past just so. */
void later_check_run_at(struct later *later, const json_t *value, struct error_list *errors)
{
    if (json_is_null(value))
        return;
    later->has_run_at = true;
    if (!json_is_string(value) || !time_parse(json_string_value(value), &later->run_at_us))
        error_list_add(errors, "/run_at",
                       "must be a time such as \"2026-11-22T14:40:00Z\" (RFC 3339)");
    else if (later->run_at_us == 0)
        later->run_at_us = 1;
}

void later_check(const struct later *later, struct error_list *errors)
{
    if (later->has_delay && later->has_run_at)
        error_list_add(errors, "/run_at", "must be absent where 'delay' is given");
}

int64_t later_run_at(const struct later *later, int64_t created_at_us)
{
    if (later->has_delay)
        return created_at_us + (int64_t)ceil(later->delay * 1e6);
    return later->run_at_us;
}
