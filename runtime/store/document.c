#include "runtime/store/document.h"

#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"

/* A document and its texts are one piece of memory. */
struct document *document_copy(const struct document *from)
{
    size_t kind_size = strlen(from->kind) + 1, name_size = strlen(from->name) + 1;
    size_t body_size = strlen(from->body) + 1;
    struct document *copy = allocate(sizeof *copy + kind_size + name_size + body_size);
    if (!copy)
        return NULL;
    char *texts = (char *)(copy + 1);
    *copy = *from;
    copy->kind = memcpy(texts, from->kind, kind_size);
    copy->name = memcpy(texts + kind_size, from->name, name_size);
    copy->body = memcpy(texts + kind_size + name_size, from->body, body_size);
    return copy;
}

void document_free(struct document *document)
{
    free(document);
}
