#include "runtime/retention.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define AGE_MAX_US (INT64_C(36525) * 86400 * 1000000) /* 100 years */
#define NONE -1                                       /* no state is named */

/* What was said: of each state, and in TASK_STATES of all. */
struct rules {
    bool has_age[TASK_STATES + 1], has_count[TASK_STATES + 1];
    int64_t age_us[TASK_STATES + 1];
    uint64_t count[TASK_STATES + 1];
};

static bool parse_unit(const char *text, int64_t *seconds)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text[0] == units[i].letter && text[1] == '\0') {
            *seconds = units[i].seconds;
            return true;
        }
    return false;
}

/* Says a thing, unless it was said before. */
static bool say_age(struct rules *rules, int which, int64_t age_us)
{
    bool is_new = !rules->has_age[which];
    rules->has_age[which] = true;
    rules->age_us[which] = age_us;
    return is_new;
}

static bool say_count(struct rules *rules, int which, uint64_t count)
{
    bool is_new = !rules->has_count[which];
    rules->has_count[which] = true;
    rules->count[which] = count;
    return is_new;
}

static bool parse_value(struct rules *rules, int which, const char *text)
{
    char *end;
    int64_t unit;
    if (strcmp(text, "forever") == 0)
        return say_age(rules, which, RETENTION_FOREVER);
    if (!isdigit((unsigned char)text[0]) || strspn(text, "0123456789") > 18)
        return false;
    long long number = strtoll(text, &end, 10);
    if (*end == '\0')
        return number > 0 && say_count(rules, which, (uint64_t)number);
    return parse_unit(end, &unit) && number <= AGE_MAX_US / 1000000 / unit &&
           say_age(rules, which, number * unit * 1000000);
}

/* [STATE=]VALUE */
static bool parse_rule(struct rules *rules, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals)
        return parse_value(rules, TASK_STATES, text);
    *equals = '\0';
    int state = task_state_parse(text);
    return state != NONE && task_state_is_final((enum task_state)state) &&
           parse_value(rules, state, equals + 1);
}

static void apply(const struct rules *rules, struct retention *out)
{
    for (int i = 0; i < TASK_STATES; i++) {
        int which = rules->has_age[i] ? i : TASK_STATES;
        out->age_us[i] = rules->has_age[which] ? rules->age_us[which] : RETENTION_FOREVER;
        out->count[i] = rules->has_count[i] ? rules->count[i] : RETENTION_ALL;
    }
    out->count_of_all = rules->has_count[TASK_STATES] ? rules->count[TASK_STATES] : RETENTION_ALL;
}

bool retention_parse(const char *text, struct retention *out)
{
    struct rules rules = {0};
    char copy[200];
    size_t size = strlen(text);
    if (size >= sizeof copy)
        return false;
    memcpy(copy, text, size + 1);
    for (char *rule = copy, *next; rule; rule = next) {
        next = strchr(rule, ',');
        if (next)
            *next++ = '\0';
        if (!parse_rule(&rules, rule))
            return false;
    }
    apply(&rules, out);
    return true;
}

bool retention_has_count(const struct retention *retention)
{
    bool has_count = retention->count_of_all != RETENTION_ALL;
    for (int i = TASK_SUCCEEDED; i < TASK_STATES; i++)
        has_count |= retention->count[i] != RETENTION_ALL;
    return has_count;
}

int64_t retention_least_age(const struct retention *retention)
{
    int64_t least = RETENTION_FOREVER;
    for (int i = TASK_SUCCEEDED; i < TASK_STATES; i++)
        if (retention->age_us[i] < least)
            least = retention->age_us[i];
    return least;
}

bool retention_has_limit(const struct retention *retention)
{
    return retention_has_count(retention) || retention_least_age(retention) != RETENTION_FOREVER;
}

int64_t retention_expires_at(const struct retention *retention, const struct task_record *record)
{
    int64_t age_us = record->has_ttl ? record->ttl_us : retention->age_us[record->state];
    if (record->finished_at_us == 0 || age_us == RETENTION_FOREVER)
        return 0;
    return record->finished_at_us + age_us;
}
