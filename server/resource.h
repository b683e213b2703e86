/* The task resource: what a record looks like over HTTP. [http] */
#ifndef AWAITD_SERVER_RESOURCE_H
#define AWAITD_SERVER_RESOURCE_H

#include "runtime/store/record.h"
#include "schema/buffer.h"
#include "server/request.h"

#define ETAG_SIZE 19 /* 16 digits in quotes, and the NUL */

/* How far the task is at this moment, which the record does not say: to be passed on. */
struct progress resource_progress(struct server *server, const struct task_record *record);
/* Appends the JSON object. */
void resource_write(struct buffer *b, const struct server *server, const struct task_record *record,
                    const struct progress *progress);
/* Another one whenever resource_write would write something else. */
void resource_etag(const struct server *server, const struct task_record *record,
                   const struct progress *progress, char tag[ETAG_SIZE]);

/* Answers with the resource and its ETag; with a Location where it was made. resource_answer: with
 * a 304 where the client has it already. */
void resource_answer(struct request *request, const struct task_record *record);
void resource_reply(struct request *request, unsigned status, const struct task_record *record);
void resource_reply_made(struct request *request, unsigned status,
                         const struct task_record *record);

#endif
