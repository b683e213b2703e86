#include "server/page.h"

#include <string.h>

#include "server/reply.h"
#include "server/routes.h"

/* </v1/tasks?state=running&limit=10&cursor=…>; rel="next": the same filters. */
static void write_link(struct buffer *b, const struct request *request, const char *cursor)
{
    buffer_format(b, "<%s?", request->route->path);
    for (size_t i = 0; i < request->query.n; i++) {
        if (strcmp(request->query.items[i].name, "cursor") == 0)
            continue;
        buffer_format(b, "%s=", request->query.items[i].name); /* all of them are known words */
        query_encode(b, request->query.items[i].value);
        buffer_char(b, '&');
    }
    buffer_format(b, "cursor=%s>; rel=\"next\"", cursor);
}

void page_reply(struct request *request, struct buffer *out, const char *cursor)
{
    struct buffer link = {0};
    if (cursor) {
        buffer_format(out, "],\"next\":\"%s\"}\n", cursor);
        write_link(&link, request, cursor);
    } else
        buffer_text(out, "],\"next\":null}\n");
    struct MHD_Response *response = reply_new(request, out, TYPE_JSON);
    if (link.bytes)
        reply_header(response, MHD_HTTP_HEADER_LINK, link.bytes);
    buffer_release(&link);
    reply_send(request, 200, response);
}
