/* The memory backend: it keeps no journals, as nothing of it is there when the process is not. */
#include "runtime/store/memory.h"

int memory_add_journal(struct memory *m, struct store_request *request)
{
    (void)m, (void)request;
    return 0;
}

int memory_next_journal(struct store_reader *reader, const struct id *after, struct id *task,
                        struct error *e)
{
    (void)reader, (void)after, (void)task;
    return error_set(e, ERROR_NOT_FOUND, "there is no further task");
}

int memory_read_journal(struct store_reader *reader, const struct id *task,
                        void (*each)(void *context, const struct journal_row *row), void *context,
                        struct error *e)
{
    (void)reader, (void)task, (void)each, (void)context, (void)e;
    return 0;
}
