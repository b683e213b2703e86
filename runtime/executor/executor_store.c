/* Executors as documents of the store: {"kind", "workers", "max_queue"}. */
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/executor/executor_internal.h"
#include "runtime/executor/executor_kind.h"
#include "schema/json.h"

char *executor_document(const struct executor_options *options)
{
    struct buffer body = {0};
    buffer_format(&body, "{\"kind\":\"%s\",\"workers\":%u,\"max_queue\":%zu}", options->kind->name,
                  options->workers, options->max_queue);
    return buffer_take(&body);
}

void executors_put_stored(struct executors *executors, const struct document *document)
{
    json_t *body = json_read(document->body, strlen(document->body), NULL);
    const char *kind = json_string_value(json_object_get(body, "kind"));
    struct executor_options options = {
        .workers = (unsigned)json_integer_value(json_object_get(body, "workers")),
        .max_queue = (size_t)json_integer_value(json_object_get(body, "max_queue")),
        .kind = kind ? executor_kind_find(kind) : NULL};
    json_decref(body);
    if (options.kind && options.workers > 0)
        executors_put(executors, document->name, &options);
    else
        log_line(LOG_WARNING, "the executor '%s' cannot be made: this version knows no kind '%s'",
                 document->name, kind ? kind : "");
}

int executors_read(struct executors *executors, struct store *store, struct error *e)
{
    struct document *documents[EXECUTORS_MAX];
    struct store_reader *reader;
    size_t n = 0;
    int status = store_reader_open(&reader, store, e);
    if (status < 0)
        return status;
    executors->marks = marks_ref(store_marks(store));
    status = store_list_documents(reader, EXECUTOR_KIND, NULL, EXECUTORS_MAX, documents, &n, e);
    for (size_t i = 0; i < n; i++) {
        if (status == 0)
            executors_put_stored(executors, documents[i]);
        document_free(documents[i]);
    }
    store_reader_close(reader);
    return status;
}
