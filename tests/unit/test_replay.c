/* The replay (tests/sim/replay.h): it notices when the record does not say what happened. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/replay.h"
#include "tests/sim/sim.h"
#include "tests/suites.h"

extern CU_TestInfo tests_replay[];

static const char spec_text[] =
    "{\"op\":\"timeout\",\"seconds\":9,\"body\":{\"op\":\"sequence\",\"steps\":["
    "{\"op\":\"gather\",\"tasks\":[{\"op\":\"sleep\",\"seconds\":1},"
    "{\"op\":\"subprocess\",\"argv\":[\"sim\",\"after=2\",\"stdout=x\"]}]},"
    "{\"op\":\"log\",\"message\":\"m\"},"
    "{\"op\":\"retry\",\"attempts\":2,\"jitter\":1,\"body\":{\"op\":\"raise\",\"type\":\"E\"}}]}}";

/* Changes an entry of the record; false: takes it out. */
typedef bool change_cb(struct tape_entry *entry);

static void change_answers(struct recording *recording, change_cb *change)
{
    struct buffer changed = {0};
    struct tape_reader reader = tape_reader(&recording->answers);
    for (struct tape_entry e; (e = tape_peek(&reader)).kind != TAPE_END; tape_skip(&reader))
        if (change(&e))
            tape_add(&changed, &e);
    buffer_release(&recording->answers);
    recording->answers = changed;
}

/* What the replay says; NULL: nothing. The caller frees it. */
static char *replay_changed(change_cb *change)
{
    char *job, *why;
    struct sim_outcome out;
    json_t *spec = json_loads(spec_text, 0, NULL);
    const struct sim_case c = {.spec = spec, .timeout = TIMEOUT_NONE};
    struct plan *plan = sim_compile(&c, &job, &why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
    struct plan *fresh = replay_compile(job, c.timeout);
    CU_ASSERT_TRUE(sim_run(plan, &c, &out));
    if (change)
        change_answers(&out.recording, change);
    char *complaint = replay(fresh, &out.recording);
    sim_outcome_release(&out);
    plan_unref(fresh);
    plan_unref(plan);
    json_decref(spec);
    free(job);
    return complaint;
}

static void assert_complaint(change_cb *change, const char *expected)
{
    char *complaint = replay_changed(change);
    CU_ASSERT_TRUE(complaint && strstr(complaint, expected));
    if (complaint && !strstr(complaint, expected))
        printf("\n    got %s\n", complaint);
    free(complaint);
}

static void the_record_alone_makes_the_job_do_the_same(void)
{
    CU_ASSERT_PTR_NULL(replay_changed(NULL));
}

static bool without_wall(struct tape_entry *entry)
{
    return entry->kind != TAPE_WALL;
}

static void a_question_that_has_no_answer_is_told(void)
{
    assert_complaint(without_wall, "replay: asked for wall_us where the record has a turn");
}

static bool other_chance(struct tape_entry *entry)
{
    if (entry->kind == TAPE_CHANCE)
        entry->value = tape_bits(0.75);
    return true;
}

static void another_answer_makes_another_deadline(void)
{
    assert_complaint(other_chance, "replay: did: arms a timer 2750000000 at '/body/steps/2'");
}

static bool other_timer(struct tape_entry *entry)
{
    if (entry->kind == TAPE_FIRED)
        entry->which += 7;
    return true;
}

static void a_timer_that_was_not_armed_does_not_fire(void)
{
    assert_complaint(other_timer, "replay: has no such timer where the record has");
}

static bool other_exit_code(struct tape_entry *entry)
{
    if (entry->kind == TAPE_EXITED)
        entry->value = 1;
    return true;
}

static void another_exit_code_makes_another_run(void)
{
    assert_complaint(other_exit_code, "where the recorded run did: logs");
}

static bool one_turn(struct tape_entry *entry)
{
    static int n;
    return entry->kind != TAPE_TURN || n++ == 0;
}

static void a_turn_that_is_missing_is_told(void)
{
    assert_complaint(one_turn, "replay: asked for nothing more where the record has now_ns");
}

CU_TestInfo tests_replay[] = {
    {"the_record_alone_makes_the_job_do_the_same", the_record_alone_makes_the_job_do_the_same},
    {"a_question_that_has_no_answer_is_told", a_question_that_has_no_answer_is_told},
    {"another_answer_makes_another_deadline", another_answer_makes_another_deadline},
    {"a_timer_that_was_not_armed_does_not_fire", a_timer_that_was_not_armed_does_not_fire},
    {"another_exit_code_makes_another_run", another_exit_code_makes_another_run},
    {"a_turn_that_is_missing_is_told", a_turn_that_is_missing_is_told},
    CU_TEST_INFO_NULL,
};
