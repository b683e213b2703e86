/* A task's log over HTTP: what its page and its stream share. [http] */
#ifndef AWAITD_SERVER_LOG_H
#define AWAITD_SERVER_LOG_H

#include "runtime/store/record.h"
#include "schema/buffer.h"
#include "server/request.h"

/* Appends a line as a JSON object. */
void log_entry_write(struct buffer *b, const struct log_entry *entry);

/* Answers with the lines after that one, and goes on as they come until the task in request->record
 * has ended. */
void log_follow(struct request *request, int64_t after);

#endif
