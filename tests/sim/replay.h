/* Runs a recorded job again on a fresh engine, from the record alone: this host has no clock and no
 * processes, only the answers. It holds what the engine asks against the next answer, and what the
 * engine does against what it did. */
#ifndef AWAITD_TESTS_SIM_REPLAY_H
#define AWAITD_TESTS_SIM_REPLAY_H

#include "tests/sim/record.h"

/* The plan of a stored job (plan_pack) whose submission had that timeout of its own. */
struct plan *replay_compile(const char *job, double timeout);

/* NULL: it went the same way, to the last byte of its trace. Else the first thing that did not
 * (caller frees): "replay: asked for X where the record has Y". Borrows the plan. */
char *replay(struct plan *plan, const struct recording *recording);

#endif
