/* Reading from a store is its backend's affair. */
#include "runtime/store/backend.h"

void store_reader_close(struct store_reader *reader)
{
    reader->verbs->reader_close(reader);
}

int store_get(struct store_reader *reader, const struct id *id, unsigned parts,
              struct task_record **out, struct error *e)
{
    return reader->verbs->get(reader, id, parts, out, e);
}

int store_list(struct store_reader *reader, const struct store_filter *filter,
               struct task_record **records, size_t *n, struct error *e)
{
    return reader->verbs->list(reader, filter, records, n, e);
}

int store_read_log(struct store_reader *reader, const struct id *id, int64_t after, size_t limit,
                   void (*each)(void *context, const struct log_entry *entry), void *context,
                   struct error *e)
{
    return reader->verbs->read_log(reader, id, after, limit, each, context, e);
}

int store_read_open(struct store_reader *reader, const struct id *after, size_t max,
                    struct task_record **records, size_t *n, struct error *e)
{
    return reader->verbs->read_open(reader, after, max, records, n, e);
}

int store_read_group(struct store_reader *reader, const struct id *group, const struct id *after,
                     bool with_outcomes, size_t max, struct task_record **records, size_t *n,
                     struct error *e)
{
    return reader->verbs->read_group(reader, group, after, with_outcomes, max, records, n, e);
}

int store_next_futures(struct store_reader *reader, const struct id *after, struct id *task,
                       struct error *e)
{
    return reader->verbs->next_futures(reader, after, task, e);
}

int store_read_futures(struct store_reader *reader, const struct id *task,
                       void (*each)(void *context, const struct future_record *record),
                       void *context, struct error *e)
{
    return reader->verbs->read_futures(reader, task, each, context, e);
}

int store_read_clock(struct store_reader *reader, struct clock_note *out, struct error *e)
{
    return reader->verbs->read_clock(reader, out, e);
}

int store_next_journal(struct store_reader *reader, const struct id *after, struct id *task,
                       struct error *e)
{
    return reader->verbs->next_journal(reader, after, task, e);
}

int store_read_journal(struct store_reader *reader, const struct id *task,
                       void (*each)(void *context, const struct journal_row *row), void *context,
                       struct error *e)
{
    return reader->verbs->read_journal(reader, task, each, context, e);
}

int store_get_key(struct store_reader *reader, const char *scope, const char *key, int64_t now_us,
                  struct key_record **out, struct error *e)
{
    return reader->verbs->get_key(reader, scope, key, now_us, out, e);
}

int store_get_document(struct store_reader *reader, const char *kind, const char *name,
                       struct document **out, struct error *e)
{
    return reader->verbs->get_document(reader, kind, name, out, e);
}

int store_list_documents(struct store_reader *reader, const char *kind, const char *after,
                         size_t limit, struct document **documents, size_t *n, struct error *e)
{
    return reader->verbs->list_documents(reader, kind, after, limit, documents, n, e);
}

int store_read_ages(struct store_reader *reader, const struct id *before, size_t max,
                    struct store_age *ages, size_t *n, struct error *e)
{
    return reader->verbs->read_ages(reader, before, max, ages, n, e);
}

int store_read_expired(struct store_reader *reader, int64_t now_us, struct store_cursor *cursor,
                       size_t max, struct store_age *ages, size_t *n, bool *has_more,
                       struct error *e)
{
    return reader->verbs->read_expired(reader, now_us, cursor, max, ages, n, has_more, e);
}

int store_read_space(struct store_reader *reader, struct store_space *out, struct error *e)
{
    return reader->verbs->read_space(reader, out, e);
}
