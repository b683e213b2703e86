/* Loops as documents of the store: {"handler": URL or null}. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/runtime_internal.h"
#include "schema/allocate.h"
#include "schema/json.h"

char *loop_document(const char *handler)
{
    struct buffer body = {0};
    buffer_text(&body, "{\"handler\":");
    if (handler)
        buffer_json_string(&body, handler, strlen(handler));
    else
        buffer_text(&body, "null");
    buffer_char(&body, '}');
    return buffer_take(&body);
}

/* NULL: none. The caller frees. */
static char *read_handler(const struct document *document)
{
    json_t *body = json_read(document->body, strlen(document->body), NULL);
    const char *url = json_string_value(json_object_get(body, "handler"));
    char *copy = url ? allocate_text(url) : NULL;
    json_decref(body);
    return copy;
}

/* That of --loops has its thread already. */
static int open_stored(struct runtime *runtime, const struct document *document, struct error *e)
{
    struct loop_thread *thread = runtime_find_loop(runtime, document->name);
    char *handler = read_handler(document);
    if (!thread)
        return runtime_add_loop(runtime, document->name, handler, &thread, e);
    thread->handler = handler;
    thread->shown_handler = handler ? allocate_text(handler) : NULL;
    return 0;
}

int runtime_read_loops(struct runtime *runtime, struct error *e)
{
    struct document *documents[THREADS_MAX];
    struct store_reader *reader;
    size_t n = 0;
    int status = store_reader_open(&reader, runtime->store, e);
    if (status < 0)
        return status;
    status = store_list_documents(reader, LOOP_KIND, NULL, THREADS_MAX, documents, &n, e);
    for (size_t i = 0; status == 0 && i < n; i++)
        status = open_stored(runtime, documents[i], e);
    for (size_t i = 0; i < n; i++)
        document_free(documents[i]);
    store_reader_close(reader);
    return status;
}
