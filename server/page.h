/* Lists in pages, keyed by what their last item is called. [http] */
#ifndef AWAITD_SERVER_PAGE_H
#define AWAITD_SERVER_PAGE_H

#include "schema/buffer.h"
#include "server/request.h"

/* Items may be large: a page ends early when it is. They are read a few at a time, so that what is
 * in memory stays within bounds as well. */
#define PAGE_BYTES (16u << 20)
#define PAGE_BATCH 16

/* `out` is an object that ends in the unfinished array of the page's items: adds "next" and
 * answers. The cursor of the next page is text that needs no escapes; NULL: this is the last one.
 */
void page_reply(struct request *request, struct buffer *out, const char *cursor);

#endif
