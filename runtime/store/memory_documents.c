/* The memory backend: documents. A change makes a new one, so that it is done or not begun. */
#include <stdlib.h>
#include <string.h>

#include "runtime/store/memory.h"

static int compare(const struct document *document, const char *kind, const char *name)
{
    int kinds = strcmp(document->kind, kind);
    return kinds != 0 ? kinds : strcmp(document->name, name);
}

/* How many are smaller: where this one stands, or would. */
static size_t position(const struct memory *m, const char *kind, const char *name)
{
    size_t low = 0, high = m->n_documents;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(m->documents[middle], kind, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct memory *m, size_t i, const char *kind, const char *name)
{
    return i < m->n_documents && compare(m->documents[i], kind, name) == 0;
}

/* ---- writing ---- */

static int add(struct memory *m, size_t at, const struct document *given)
{
    struct document **documents =
        memory_with_room(m->documents, m->n_documents, &m->document_capacity, sizeof *documents);
    if (!documents)
        return -ERROR_NO_MEMORY;
    m->documents = documents;
    struct document *copy = document_copy(given);
    if (!copy)
        return -ERROR_NO_MEMORY;
    memmove(documents + at + 1, documents + at, (m->n_documents - at) * sizeof *documents);
    documents[at] = copy;
    m->n_documents++;
    return 0;
}

static int put(struct memory *m, struct store_request *request)
{
    struct document *given = &request->document;
    size_t at = position(m, given->kind, given->name);
    if (!is_at(m, at, given->kind, given->name))
        return add(m, at, given);
    if (request->only_new)
        return -ERROR_CONFLICT;
    given->created_at_us = m->documents[at]->created_at_us;
    struct document *copy = document_copy(given);
    if (!copy)
        return -ERROR_NO_MEMORY;
    document_free(m->documents[at]);
    m->documents[at] = copy;
    return 0;
}

int memory_put(struct memory *m, struct store_request *request)
{
    int rc = request->key ? memory_use_key(m, request->key) : 0;
    if (rc != 0)
        return rc;
    rc = put(m, request);
    if (rc != 0 && request->key)
        memory_free_key(m, request->key);
    return rc;
}

int memory_remove(struct memory *m, struct store_request *request)
{
    const struct document *given = &request->document;
    size_t at = position(m, given->kind, given->name);
    if (!is_at(m, at, given->kind, given->name))
        return -ERROR_NOT_FOUND;
    document_free(m->documents[at]);
    m->n_documents--;
    memmove(m->documents + at, m->documents + at + 1, (m->n_documents - at) * sizeof *m->documents);
    return 0;
}

void memory_free_documents(struct memory *m)
{
    for (size_t i = 0; i < m->n_documents; i++)
        document_free(m->documents[i]);
    free(m->documents);
}

/* ---- reading ---- */

int memory_get_document(struct store_reader *reader, const char *kind, const char *name,
                        struct document **out, struct error *e)
{
    struct memory *m = memory_lock_for_reading(reader);
    size_t at = position(m, kind, name);
    bool is_there = is_at(m, at, kind, name);
    if (is_there)
        *out = document_copy(m->documents[at]);
    pthread_rwlock_unlock(&m->lock);
    if (!is_there)
        return error_set(e, ERROR_NOT_FOUND, "there is no such %s", kind);
    return *out ? 0 : memory_no_memory(e);
}

int memory_list_documents(struct store_reader *reader, const char *kind, const char *after,
                          size_t limit, struct document **documents, size_t *n, struct error *e)
{
    struct memory *m = memory_lock_for_reading(reader);
    size_t i = position(m, kind, after ? after : "");
    bool failed = false;
    *n = 0;
    if (after && is_at(m, i, kind, after))
        i++;
    for (; i < m->n_documents && *n < limit && strcmp(m->documents[i]->kind, kind) == 0; i++) {
        documents[*n] = document_copy(m->documents[i]);
        failed = !documents[*n];
        if (failed)
            break;
        ++*n;
    }
    pthread_rwlock_unlock(&m->lock);
    while (failed && *n > 0)
        document_free(documents[--*n]);
    return failed ? memory_no_memory(e) : 0;
}
