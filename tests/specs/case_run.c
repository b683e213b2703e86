/* Runs a case and compares what came of it with what the file says. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "schema/buffer.h"
#include "tests/sim/replay.h"
#include "tests/specs/case.h"

#define TIME_SLACK 1e-9 /* times are whole nanoseconds, written as decimals */

static bool is_same(const json_t *expected, const json_t *got, bool is_error);

static bool is_same_list(const json_t *expected, const json_t *got, bool are_errors)
{
    size_t n = json_array_size(expected);
    if (n != json_array_size(got))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_same(json_array_get(expected, i), json_array_get(got, i), are_errors))
            return false;
    return true;
}

/* An error is compared on the keys that the case gives; null stands for a key that is not there. */
static bool is_same_error(const json_t *expected, const json_t *got)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)expected, key, value)
    {
        const json_t *found = json_object_get(got, key);
        bool is_error = strcmp(key, "context") == 0 || strcmp(key, "exceptions") == 0;
        if (found ? !is_same(value, found, is_error) : !json_is_null(value))
            return false;
    }
    return true;
}

static bool is_same_object(const json_t *expected, const json_t *got)
{
    const char *key;
    json_t *value;
    size_t others = json_object_get(expected, "index") ? 1 : 0; /* as `wait` shows them */
    bool holds_error = json_object_size(expected) == 1 + others;
    if (json_object_size(expected) != json_object_size(got))
        return false;
    json_object_foreach((json_t *)expected, key, value)
    {
        const json_t *found = json_object_get(got, key);
        if (!found || !is_same(value, found, holds_error && strcmp(key, "error") == 0))
            return false;
    }
    return true;
}

static bool is_same(const json_t *expected, const json_t *got, bool is_error)
{
    if (json_is_number(expected) && json_is_number(got) &&
        (json_is_real(expected) || json_is_real(got)))
        return json_number_value(expected) == json_number_value(got);
    if (!got || json_typeof(expected) != json_typeof(got))
        return false;
    if (json_is_array(expected))
        return is_same_list(expected, got, is_error);
    if (json_is_object(expected))
        return is_error ? is_same_error(expected, got) : is_same_object(expected, got);
    return json_equal(expected, got);
}

/* In any order: CPython reports an error that nobody looked at when its task's memory is freed. */
static bool are_same_unhandled(const json_t *expected, const json_t *got)
{
    json_t *left = json_array();
    json_t *value;
    size_t i, found;
    json_array_extend(left, (json_t *)got);
    bool ok = json_array_size(expected) == json_array_size(got);
    for (i = 0; ok && i < json_array_size(expected); i++) {
        json_array_foreach(left, found,
                           value) if (is_same_error(json_array_get(expected, i), value)) break;
        ok = json_array_remove(left, found) == 0;
    }
    json_decref(left);
    return ok;
}

/* ---- what is told about a difference ---- */

static void tell(struct buffer *b, const char *key, const char *expected, const char *got)
{
    buffer_format(b, "\n      %s: expected %s\n      %*s       got %s", key,
                  expected ? expected : "none", (int)strlen(key), "", got ? got : "none");
}

static void tell_json(struct buffer *b, const char *key, const json_t *expected, const char *got)
{
    char *text = expected ? json_dumps(expected, JSON_ENCODE_ANY) : NULL;
    tell(b, key, text, got);
    free(text);
}

static json_t *parse(const char *text)
{
    return text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
}

static void compare_json(struct buffer *b, const char *key, const json_t *expected, const char *got)
{
    json_t *value = parse(got);
    bool is_error = strcmp(key, "error") == 0;
    if (expected ? !is_same(expected, value, is_error) : value != NULL)
        tell_json(b, key, expected, got);
    json_decref(value);
}

static void compare_unhandled(struct buffer *b, const json_t *expected, const char *got)
{
    json_t *none = json_array();
    json_t *value = parse(got ? got : "[]");
    if (!value || !are_same_unhandled(expected ? expected : none, value))
        tell_json(b, "unhandled", expected ? expected : none, got);
    json_decref(value);
    json_decref(none);
}

static bool is_time(double expected, double got)
{
    return fabs(expected - got) <= TIME_SLACK;
}

static bool is_same_line(const struct case_log *expected, const struct sim_log *got)
{
    return is_time(expected->at, got->at) && strcmp(expected->message, got->message) == 0 &&
           (!expected->level || strcmp(expected->level, got->level) == 0) &&
           (!expected->path || strcmp(expected->path, got->path) == 0);
}

static void tell_line(struct buffer *b, double at, const char *level, const char *path,
                      const char *message)
{
    buffer_format(b, "%.9g [%s] @%s %s", at, level ? level : "any", path ? path : "any", message);
}

static void compare_log(struct buffer *b, const struct spec_case *c, const struct sim_outcome *out)
{
    size_t i = 0;
    while (i < c->n_log && i < out->n_log && is_same_line(&c->log[i], &out->log[i]))
        i++;
    if (i == c->n_log && i == out->n_log)
        return;
    buffer_format(b, "\n      log: line %zu of %zu: expected ", i + 1, c->n_log);
    if (i < c->n_log)
        tell_line(b, c->log[i].at, c->log[i].level, c->log[i].path, c->log[i].message);
    else
        buffer_text(b, "none");
    buffer_text(b, "\n      got ");
    if (i < out->n_log)
        tell_line(b, out->log[i].at, out->log[i].level, out->log[i].path, out->log[i].message);
    else
        buffer_text(b, "none");
}

static void compare_ended(struct buffer *b, const struct spec_case *c,
                          const struct sim_outcome *out)
{
    const struct task_record *ended = out->ended;
    if (strcmp(c->state, task_state_name(ended->state)) != 0)
        tell(b, "state", c->state, task_state_name(ended->state));
    compare_json(b, "result", c->result, ended->result);
    compare_json(b, "error", c->error, ended->error);
    compare_unhandled(b, c->unhandled, ended->unhandled);
    if (c->took >= 0 && !is_time(c->took, out->took))
        buffer_format(b, "\n      took: expected %.9g, got %.9g", c->took, out->took);
}

/* ---- the same job again, from the record of its run ---- */

/* FNV-1a of the name: the case keeps its noise whatever else is in the file. */
static uint64_t seed_of(const struct spec_case *c)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = c->name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return hash | 1;
}

/* What the recorded run was, and what its replay is told: a plan of its own. */
struct replayed_case {
    struct sim_case asked;
    struct plan *plan, *fresh;
};

static void compare_replay(struct buffer *b, const struct replayed_case *r,
                           const struct sim_outcome *out, const char *when)
{
    char *differs = replay(r->fresh, &out->recording);
    if (differs)
        buffer_format(b, "\n      %s%s", when, differs);
    free(differs);
}

static void compare_noisy(struct buffer *b, struct replayed_case *r, uint64_t seed)
{
    struct sim_outcome out;
    r->asked.noise = seed;
    sim_run(r->plan, &r->asked, &out);
    compare_replay(b, r, &out, "under noise, ");
    sim_outcome_release(&out);
}

static bool has_word(const json_t *json, const char *word)
{
    char *text = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
    bool has = text && strstr(text, word);
    free(text);
    return has;
}

/* What the world outside would notice: it kills what is under way. */
static bool minds_crashes(const struct spec_case *c)
{
    return c->never_crashes || has_word(c->spec, "ignore_term") || has_word(c->spec, "on_crash") ||
           has_word(c->coroutines, "ignore_term") || has_word(c->coroutines, "on_crash");
}

/* What differs when the server dies after so many rounds; the caller frees. */
static char *compare_crash(const struct replayed_case *r, const struct spec_case *c)
{
    struct buffer differs = {0};
    struct sim_outcome out;
    if (sim_run(r->plan, &r->asked, &out))
        compare_ended(&differs, c, &out);
    else if (strcmp(c->state, "stuck") != 0)
        tell(&differs, "state", c->state, "stuck");
    compare_log(&differs, c, &out);
    sim_outcome_release(&out);
    return buffer_take(&differs);
}

/* The server dies after every round, after every second one…: nobody should notice, but for the
 * order of a leaf's end and a timer at the very same time. */
static void compare_crashing(struct buffer *b, struct replayed_case *r, const struct spec_case *c)
{
    for (uint32_t every = 1; every <= 3 && !minds_crashes(c); every++) {
        r->asked.crash_every = every;
        r->asked.leaves_first = false;
        char *differs = compare_crash(r, c), *otherwise = NULL;
        r->asked.leaves_first = true;
        if (differs && (otherwise = compare_crash(r, c)))
            buffer_format(b, "\n      crashing after every %u rounds:%s", every, differs);
        free(differs);
        free(otherwise);
    }
    r->asked.crash_every = 0;
}

static void compare_plain(struct buffer *b, const struct replayed_case *r,
                          const struct spec_case *c)
{
    struct sim_outcome out;
    if (sim_run(r->plan, &r->asked, &out))
        compare_ended(b, c, &out);
    else if (strcmp(c->state, "stuck") != 0)
        tell(b, "state", c->state, "stuck");
    compare_log(b, c, &out);
    compare_replay(b, r, &out, "");
    sim_outcome_release(&out);
}

char *spec_case_run(const struct spec_case *c)
{
    struct buffer differs = {0};
    char *job, *why;
    struct replayed_case r = {.asked = {.spec = c->spec,
                                        .timeout = c->timeout,
                                        .coroutines = c->coroutines,
                                        .cancels = c->cancels,
                                        .n_cancels = c->n_cancels,
                                        .reschedules = c->reschedules,
                                        .n_reschedules = c->n_reschedules,
                                        .futures = c->futures,
                                        .n_futures = c->n_futures}};
    r.plan = sim_compile(&r.asked, &job, &why);
    if (r.plan) {
        r.fresh = replay_compile(job, c->timeout);
        compare_plain(&differs, &r, c);
        compare_crashing(&differs, &r, c);
        compare_noisy(&differs, &r, seed_of(c));
        plan_unref(r.fresh);
        plan_unref(r.plan);
    } else {
        tell(&differs, "state", c->state, why);
    }
    free(job);
    free(why);
    return buffer_take(&differs);
}
