/* The unit tests: one line here declares a file's table, one below lists it. */
#include <stdlib.h>
#include <string.h>

#include "runtime/executor/worker_main.h"
#include "tests/suites.h"

extern CU_TestInfo tests_base64[];
extern CU_TestInfo tests_buffer[];
extern CU_TestInfo tests_callback[];
extern CU_TestInfo tests_clock_jumps[];
extern CU_TestInfo tests_config[];
extern CU_TestInfo tests_retention[];
extern CU_TestInfo tests_exec_policy[];
extern CU_TestInfo tests_follow[];
extern CU_TestInfo tests_executor[];
extern CU_TestInfo tests_function[];
extern CU_TestInfo tests_gate[];
extern CU_TestInfo tests_group_record[];
extern CU_TestInfo tests_id[];
extern CU_TestInfo tests_idempotency[];
extern CU_TestInfo tests_json[];
extern CU_TestInfo tests_line_splitter[];
extern CU_TestInfo tests_lag[];
extern CU_TestInfo tests_net[];
extern CU_TestInfo tests_net_policy[];
extern CU_TestInfo tests_output[];
extern CU_TestInfo tests_pending[];
extern CU_TestInfo tests_plan[];
extern CU_TestInfo tests_plugin[];
extern CU_TestInfo tests_post_queue[];
extern CU_TestInfo tests_poster[];
extern CU_TestInfo tests_progress[];
extern CU_TestInfo tests_replay[];
extern CU_TestInfo tests_resolve[];
extern CU_TestInfo tests_runtime[];
extern CU_TestInfo tests_runtime_futures[];
extern CU_TestInfo tests_runtime_loops[];
extern CU_TestInfo tests_runtime_opening[];
extern CU_TestInfo tests_runtime_repeated[];
extern CU_TestInfo tests_spawner[];
extern CU_TestInfo tests_stream_reader[];
extern CU_TestInfo tests_time[];
extern CU_TestInfo tests_timeline[];
extern CU_TestInfo tests_timer[];
extern CU_TestInfo tests_trace[];
extern CU_TestInfo tests_utf8[];
extern CU_TestInfo tests_worker_process[];

CU_SuiteInfo suites[] = {
    {"base64", NULL, NULL, NULL, NULL, tests_base64},
    {"buffer", NULL, NULL, NULL, NULL, tests_buffer},
    {"callback", NULL, NULL, NULL, NULL, tests_callback},
    {"clock_jumps", NULL, NULL, NULL, NULL, tests_clock_jumps},
    {"config", NULL, NULL, NULL, NULL, tests_config},
    {"retention", NULL, NULL, NULL, NULL, tests_retention},
    {"exec_policy", NULL, NULL, NULL, NULL, tests_exec_policy},
    {"follow", NULL, NULL, NULL, NULL, tests_follow},
    {"executor", NULL, NULL, NULL, NULL, tests_executor},
    {"function", NULL, NULL, NULL, NULL, tests_function},
    {"gate", NULL, NULL, NULL, NULL, tests_gate},
    {"group_record", NULL, NULL, NULL, NULL, tests_group_record},
    {"id", NULL, NULL, NULL, NULL, tests_id},
    {"idempotency", NULL, NULL, NULL, NULL, tests_idempotency},
    {"json", NULL, NULL, NULL, NULL, tests_json},
    {"line_splitter", NULL, NULL, NULL, NULL, tests_line_splitter},
    {"lag", NULL, NULL, NULL, NULL, tests_lag},
    {"net", NULL, NULL, NULL, NULL, tests_net},
    {"net_policy", NULL, NULL, NULL, NULL, tests_net_policy},
    {"output", NULL, NULL, NULL, NULL, tests_output},
    {"pending", NULL, NULL, NULL, NULL, tests_pending},
    {"plan", NULL, NULL, NULL, NULL, tests_plan},
    {"plugin", NULL, NULL, NULL, NULL, tests_plugin},
    {"poster queue", NULL, NULL, NULL, NULL, tests_post_queue},
    {"poster", NULL, NULL, NULL, NULL, tests_poster},
    {"progress", NULL, NULL, NULL, NULL, tests_progress},
    {"replay", NULL, NULL, NULL, NULL, tests_replay},
    {"resolve", NULL, NULL, NULL, NULL, tests_resolve},
    {"runtime", NULL, NULL, NULL, NULL, tests_runtime},
    {"runtime_futures", NULL, NULL, NULL, NULL, tests_runtime_futures},
    {"runtime_loops", NULL, NULL, NULL, NULL, tests_runtime_loops},
    {"runtime_opening", NULL, NULL, NULL, NULL, tests_runtime_opening},
    {"runtime_repeated", NULL, NULL, NULL, NULL, tests_runtime_repeated},
    {"spawner", NULL, NULL, NULL, NULL, tests_spawner},
    {"stream_reader", NULL, NULL, NULL, NULL, tests_stream_reader},
    {"time", NULL, NULL, NULL, NULL, tests_time},
    {"timeline", NULL, NULL, NULL, NULL, tests_timeline},
    {"timer", NULL, NULL, NULL, NULL, tests_timer},
    {"trace", NULL, NULL, NULL, NULL, tests_trace},
    {"utf8", NULL, NULL, NULL, NULL, tests_utf8},
    {"worker process", NULL, NULL, NULL, NULL, tests_worker_process},
    CU_SUITE_INFO_NULL,
};

/* This program is also the worker processes that it tests. */
void suites_prepare(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], WORKER_COMMAND) == 0)
        exit(worker_main(argc, argv));
}
