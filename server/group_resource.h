/* The group resource: reading it from the store, and what it looks like over HTTP. [http] */
#ifndef AWAITD_SERVER_GROUP_RESOURCE_H
#define AWAITD_SERVER_GROUP_RESOURCE_H

#include "runtime/group_record.h"
#include "schema/buffer.h"
#include "server/request.h"

#define GROUP_TAG_SIZE 19 /* of an ETag: 16 digits in quotes, and the NUL */

/* The group as it is in the store, for group_record_release. False when there is none, or it could
 * not be read; then it is answered. */
bool group_find(struct request *request, const struct id *id, struct group_record *out);

/* The same without an answer. 0; -NOT_FOUND, -NO_MEMORY or -SYSTEM and *e. */
int group_read(struct request *request, const struct id *id, struct group_record *out,
               struct error *e);

/* Appends the JSON object, as it stands in a list: without its tasks. */
void group_resource_write(struct buffer *b, const struct group_record *record);

/* Whether the query's `limit` and `cursor` are acceptable; else it is answered. */
bool group_check_page(struct request *request);
/* Answers with the resource, a page of its tasks and an ETag, or with 304; with a Location where it
 * was made. */
void group_reply(struct request *request, unsigned status, const struct group_record *record);

/* Appends the whole answer to who opened it, and writes its ETag. */
void group_write_opened(struct buffer *b, const struct group_record *record,
                        char tag[GROUP_TAG_SIZE]);

/* 409: why a group that is so takes no tasks; 503 when it should take some. */
void group_refuse_task(struct request *request, const struct group_facts *facts);
/* The same when the runtime has refused the request's submission. */
void group_explain_refusal(struct request *request);

#endif
