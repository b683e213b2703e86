#include "tests/memory/writes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/memory/inject.h"

static void note_done(struct store_request *request, int status)
{
    struct write *write = (struct write *)request;
    write->status = status;
    sem_post(&write->done);
}

struct write *write_new(enum store_verb verb, struct task_record *record)
{
    struct write *write = calloc(1, sizeof *write);
    write->request.verb = verb;
    write->request.record = record;
    write->request.done = note_done;
    sem_init(&write->done, 0, 0);
    return write;
}

int write_wait(struct write *write)
{
    while (sem_wait(&write->done) != 0)
        ;
    int status = write->status;
    task_record_unref(write->request.record);
    task_record_unref(write->request.ended);
    sem_destroy(&write->done);
    free(write);
    return status;
}

struct id write_id(unsigned n)
{
    return id_make(1700000000000000 + n, n);
}

struct task_record *write_record(unsigned n)
{
    struct task_record *record = task_record_new();
    char spec[64];
    snprintf(spec, sizeof spec, "{\"op\":\"value\",\"value\":%u}", n);
    record->id = write_id(n);
    record->created_at_us = 1700000000000000 + n;
    record->spec = strdup(spec);
    return record;
}

struct task_record *write_end(unsigned n, enum task_state state, const char *outcome)
{
    struct task_record *record = task_record_new();
    record->id = write_id(n);
    record->state = state;
    record->started_at_us = 1700000000000001 + n;
    record->finished_at_us = 1700000000000002 + n;
    *(state == TASK_SUCCEEDED ? &record->result : &record->error) = strdup(outcome);
    return record;
}
