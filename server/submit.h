/* What those who submit a task have in common. [http] */
#ifndef AWAITD_SERVER_SUBMIT_H
#define AWAITD_SERVER_SUBMIT_H

#include "server/request.h"

/* Reads the body and submits it: into the group request->parent if has_parent, to the loop
 * request->name if there is one; under request->id if that is a PUT's, which is claimed, and is no
 * longer once it is decided; its answer may take request->wait seconds. Answers or parks. */
void submit_body(struct request *request);

/* repeat.c, for requests with a key: what is stored, to be answered with: the runtime calls it
 * [loop]; the first answer, whether it is given for the first time or not; and what who repeats the
 * request gets: that, or, as the first one, the ended task if he waits. */
void repeat_write_answer(struct submission *submission);
void repeat_reply_first(struct request *request);
void repeat_answer(struct request *request);

/* put_task.c: 412, there is such a task. */
void put_refuse(struct request *request);

#endif
