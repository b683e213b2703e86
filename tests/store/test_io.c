/* Each call to the system that the SQLite backend makes fails, one after another, once and for
 * good, until a run meets no fault. Whatever the store says of a request is then so: acknowledged,
 * it is there when the file is opened without faults; refused, it is not; of unknown outcome, it
 * may be either, and nothing is written after it.
 *
 * IO_STRIDE=1 in the environment tries each call (make check-power), else every so-manieth. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/store/check.h"
#include "schema/embedded.h"
#include "tests/store/digest.h"
#include "tests/store/fixture.h"
#include "tests/store/syscalls.h"
#include "tests/store/workload.h"

#define BATCHES 6
#define REQUESTS ((WORKLOAD_BATCH + 1) * BATCHES)
#define SEED 5
#define LARGE 9000000 /* more than the log is left to be: it is copied back while all goes on */

/* ---- the faults ---- */

#define ALL ((1u << N_CALLS) - 1)
#define GROWING (1u << CALL_WRITE | 1u << CALL_TRUNCATE | 1u << CALL_ALLOCATE)
#define RARE (ALL & ~(1u << CALL_WRITE | 1u << CALL_READ))

static const struct kind {
    const char *name;
    int error;        /* or SYSCALL_SHORT */
    unsigned calls;   /* which may fail, as bits */
    int next;         /* of what follows the fault, once; 0: nothing */
    bool is_large;    /* with a submission that is large */
    int from_version; /* the database is of that; 0: there is none */
    unsigned coarse;  /* only each so-manieth call */
} kinds[] = {
    {"EIO", EIO, ALL, 0, false, 0, 1},
    {"EIO, older version", EIO, ALL, 0, false, 3, 1},
    {"EIO, large", EIO, RARE, 0, true, 0, 5},
    {"EIO on writes, large", EIO, 1u << CALL_WRITE, 0, true, 0, 499},
    {"ENOSPC", ENOSPC, GROWING | 1u << CALL_OPEN, 0, false, 0, 1},
    {"ENOSPC, older version", ENOSPC, GROWING | 1u << CALL_OPEN, 0, false, 3, 1},
    {"ENOSPC, large", ENOSPC, GROWING, 0, true, 0, 499},
    {"EDQUOT", EDQUOT, GROWING, 0, false, 0, 1},
    {"short writes", SYSCALL_SHORT, 1u << CALL_WRITE, 0, false, 0, 1},
    {"a short write before ENOSPC", SYSCALL_SHORT, 1u << CALL_WRITE, ENOSPC, false, 0, 1},
    {"EMFILE", EMFILE, 1u << CALL_OPEN, 0, false, 0, 1},
    {"EACCES", EACCES, 1u << CALL_OPEN | 1u << CALL_DELETE | 1u << CALL_RENAME, 0, false, 3, 1},
};

struct fault {
    const struct kind *kind;
    bool is_for_good;
    unsigned at;         /* the how-manieth call fails, from 1 */
    atomic_uint n_calls; /* of those that may */
};

static int fail_call(void *context, const struct syscall *call)
{
    struct fault *fault = context;
    if (!(fault->kind->calls & 1u << call->kind))
        return SYSCALL_GO;
    unsigned n = atomic_fetch_add(&fault->n_calls, 1) + 1;
    if (n == fault->at + 1 && fault->kind->next)
        return fault->kind->next;
    return n == fault->at || (fault->is_for_good && n > fault->at) ? fault->kind->error
                                                                   : SYSCALL_GO;
}

/* ---- a run ---- */

struct outcome {
    int statuses[REQUESTS];
    size_t orders[REQUESTS], batches[REQUESTS];
    size_t n;
    size_t broken_at; /* the batch after which nothing was written any more */
};

static void make_file(const struct kind *kind)
{
    if (kind->from_version > 0)
        make_version(kind->from_version, "INSERT INTO specs VALUES (1, '[1]');"
                                         "INSERT INTO tasks (id, state, created_at, spec) VALUES"
                                         " (X'00000000000000000000000000000001', 0, 1, 1)");
}

/* The last of them may be refused: what is refused is known at once. */
static size_t make_batch(struct workload *w, const struct kind *kind, size_t i,
                         struct write **batch)
{
    size_t n = workload_next(w, batch);
    if (kind->is_large && i == BATCHES / 2)
        batch[n++] = workload_large(w, LARGE);
    batch[n++] = write_document(STORE_PUT, "loop", "last", "{}", (int64_t)i + 1);
    return n;
}

static void submit_unit(struct write **batch, size_t n)
{
    for (size_t i = 0; i < n; i++)
        batch[i]->request.node.next = i + 1 < n ? &batch[i + 1]->request.node : NULL;
    store_submit_all(fixture.store, &batch[0]->request);
}

static bool is_good_status(int status)
{
    static const enum error_code codes[] = {ERROR_OK,       ERROR_NOT_FOUND,    ERROR_CONFLICT,
                                            ERROR_REPEATED, ERROR_STORE_FULL,   ERROR_NO_MEMORY,
                                            ERROR_SYSTEM,   ERROR_STORE_UNKNOWN};
    bool is_good = false;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        is_good |= status == -(int)codes[i];
    return is_good;
}

/* What readers say in between may be anything but a crash. */
static void read_something(void)
{
    struct store_reader *reader;
    struct task_record *record = NULL;
    struct id id = id_of(0);
    if (store_reader_open(&reader, fixture.store, NULL) != 0)
        return;
    store_get(reader, &id, STORE_SPEC, &record, NULL);
    task_record_unref(record);
    store_reader_close(reader);
}

static void count_stop(void *context, const char *what)
{
    (void)what;
    atomic_fetch_add((atomic_int *)context, 1);
}

/* False: it could not even be opened. What comes of each request is in *outcome. */
static bool run_workload(const struct kind *kind, struct outcome *outcome)
{
    struct workload *w = malloc(sizeof *w);
    struct write *writes[REQUESTS];
    *outcome = (struct outcome){.broken_at = SIZE_MAX};
    if (store_open(&fixture.store, fixture.path, NULL) != 0) {
        fixture.store = NULL;
        free(w);
        return false;
    }
    store_on_failure(fixture.store, count_stop, &fixture.n_stops);
    workload_init(w, SEED);
    for (size_t i = 0; i < BATCHES; i++) {
        struct write **batch = writes + outcome->n;
        size_t n = make_batch(w, kind, i, batch);
        submit_unit(batch, n);
        for (size_t j = 0; j < n; j++)
            outcome->batches[outcome->n++] = i;
        write_await(batch[n - 1]);
        if (fixture.n_stops > 0 && outcome->broken_at == SIZE_MAX)
            outcome->broken_at = i;
        read_something();
    }
    store_close(fixture.store);
    fixture.store = NULL;
    for (size_t i = 0; i < outcome->n; i++) {
        outcome->statuses[i] = writes[i]->status;
        outcome->orders[i] = writes[i]->order;
        write_free(writes[i]);
    }
    free(w);
    return true;
}

/* ---- what must have come of it ---- */

/* Done, in the order in which it was, and nothing else, and without faults; on a file of its own.
 * With what is of unknown outcome and was submitted before the writer gave up, or without it. */
static uint64_t digest_expected(const struct kind *kind, const struct outcome *outcome,
                                bool with_unknown)
{
    struct workload *w = malloc(sizeof *w);
    struct write *writes[REQUESTS], *in_order[REQUESTS] = {NULL};
    fixture_make_folder();
    make_file(kind);
    fixture_open();
    workload_init(w, SEED);
    for (size_t i = 0, n = 0; i < BATCHES && outcome->n > 0; i++)
        n += make_batch(w, kind, i, writes + n);
    for (size_t i = 0; i < outcome->n; i++) {
        bool is_unknown = outcome->statuses[i] == -ERROR_STORE_UNKNOWN &&
                          outcome->batches[i] <= outcome->broken_at;
        if (outcome->statuses[i] == 0 || (is_unknown && with_unknown))
            in_order[outcome->orders[i]] = writes[i];
        else
            write_free(writes[i]);
    }
    for (size_t i = 0; i < REQUESTS; i++)
        if (in_order[i]) {
            write_submit(in_order[i]);
            write_wait(in_order[i]);
        }
    uint64_t digest = digest_of(fixture.path);
    free(w);
    fixture_tear_down();
    return digest;
}

/* Where all went well, as most of the time, it is always the same. */
static uint64_t digest_of_all(const struct kind *kind, const struct outcome *outcome)
{
    static const struct kind *last;
    static struct outcome last_outcome;
    static uint64_t digest;
    if (last != kind || memcmp(&last_outcome, outcome, sizeof *outcome) != 0)
        digest = digest_expected(kind, outcome, false);
    last = kind;
    last_outcome = *outcome;
    return digest;
}

static void say(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

static bool is_in_order(void)
{
    struct store_check check = {.each = say};
    struct error e = {0};
    int rc = store_check(&check, fixture.path, &e);
    if (rc != 0)
        fprintf(stderr, "%s\n", e.text);
    return rc == 0 && check.n_violations == 0;
}

static bool are_statuses_good(const struct outcome *outcome)
{
    bool is_good = true;
    for (size_t i = 0; i < outcome->n; i++) {
        is_good &= is_good_status(outcome->statuses[i]);
        if (outcome->batches[i] > outcome->broken_at)
            is_good &= outcome->statuses[i] == -ERROR_STORE_UNKNOWN;
    }
    if (!is_good)
        fprintf(stderr, "a status that should not be\n");
    return is_good;
}

static bool is_truth(const struct kind *kind, const struct outcome *outcome)
{
    struct fixture run = fixture;
    struct store *store;
    struct error e = {0};
    if (store_open(&store, fixture.path, &e) != 0) {
        fprintf(stderr, "%s\n", e.text);
        return false;
    }
    uint64_t digest = digest_of(fixture.path);
    store_close(store);
    bool is_true =
        is_in_order() &&
        (digest == digest_of_all(kind, outcome) ||
         (outcome->broken_at != SIZE_MAX && digest == digest_expected(kind, outcome, true)));
    if (!is_true)
        fprintf(stderr, "it is not what was said\n");
    fixture = run;
    return is_true;
}

/* ---- run after run ---- */

/* False: it met no fault. */
static bool run_with_fault(struct fault *fault)
{
    struct outcome outcome;
    struct syscall_watch watch = {.before = fail_call, .context = fault};
    fixture_make_folder();
    make_file(fault->kind);
    atomic_store(&fault->n_calls, 0);
    syscalls_watch(fixture.folder, &watch);
    run_workload(fault->kind, &outcome);
    syscalls_watch(NULL, NULL);
    int n_open = syscalls_count_open(fixture.folder);
    bool ok = n_open == 0 && are_statuses_good(&outcome);
    ok = is_truth(fault->kind, &outcome) && ok;
    if (!ok)
        fprintf(stderr, "%s, %s, call %u of %u; %d files left open\n", fault->kind->name,
                fault->is_for_good ? "for good" : "once", fault->at, fault->n_calls, n_open);
    CU_ASSERT_TRUE(ok);
    fixture_tear_down();
    return fault->n_calls >= fault->at;
}

static unsigned stride(void)
{
    const char *value = getenv("IO_STRIDE");
    return value ? (unsigned)strtoul(value, NULL, 10) : 41;
}

static void test_each_call(void)
{
    unsigned n_runs = 0;
    fixture_tear_down();
    fixture_be_quick(true);
    log_configure(LOG_HUMAN, LOG_ERROR + 1);
    for (size_t i = 0; i < 2 * (sizeof kinds / sizeof *kinds); i++) {
        struct fault fault = {.kind = &kinds[i / 2], .is_for_good = i % 2};
        unsigned step = fault.kind->coarse * stride();
        for (fault.at = 1 + (unsigned)i % step; run_with_fault(&fault); fault.at += step)
            n_runs++;
    }
    log_configure(LOG_HUMAN, LOG_INFO);
    fixture_be_quick(false);
    fprintf(stderr, "(%u faults) ", n_runs);
    fixture_make_folder();
}

CU_TestInfo tests_io[] = {
    {"each call fails", test_each_call},
    CU_TEST_INFO_NULL,
};
