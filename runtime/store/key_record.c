#include "runtime/store/key_record.h"

#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"

#define SWEEP_US INT64_C(60000000)   /* from one look to the next */
#define SWEEP_MORE_US INT64_C(10000) /* from one slice to the next */

/* A record and its texts are one piece of memory. */
struct key_record *key_record_copy(const struct key_record *from)
{
    size_t scope_size = strlen(from->scope) + 1, key_size = strlen(from->key) + 1;
    size_t answer_size = strlen(from->answer) + 1;
    struct key_record *copy = allocate(sizeof *copy + scope_size + key_size + answer_size);
    if (!copy)
        return NULL;
    char *texts = (char *)(copy + 1);
    *copy = *from;
    copy->scope = memcpy(texts, from->scope, scope_size);
    copy->key = memcpy(texts + scope_size, from->key, key_size);
    copy->answer = memcpy(texts + scope_size + key_size, from->answer, answer_size);
    return copy;
}

void key_record_free(struct key_record *record)
{
    free(record);
}

/* Also when the clock was put back. */
bool key_sweep_is_due(const struct key_sweep *sweep, int64_t now_us)
{
    return now_us >= sweep->next_us || now_us < sweep->last_us;
}

void key_sweep_done(struct key_sweep *sweep, int64_t now_us, size_t n_removed)
{
    sweep->last_us = now_us;
    sweep->next_us = now_us + (n_removed < KEY_SLICE ? SWEEP_US : SWEEP_MORE_US);
}
