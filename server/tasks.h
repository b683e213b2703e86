/* What the handlers of the task resource share. [http] */
#ifndef AWAITD_SERVER_TASKS_H
#define AWAITD_SERVER_TASKS_H

#include "server/request.h"

/* The task of the path, with those large parts (store.h), in request->record. False when there is
 * none, or it could not be read; then it is answered. */
bool task_read(struct request *request, unsigned parts);

/* False, and a 400 that names the nearest, when the query has a parameter that is not `known`
 * (NULL-terminated). */
bool query_check(struct request *request, const char *const *known);

/* The body of a request for cancellation. False when it is not acceptable; then it is answered.
 * *message is to be freed; NULL: none. */
bool message_read(struct request *request, char **message);

/* `limit`: how many at most. False when it is not acceptable; then it is answered. */
bool limit_read(struct request *request, size_t *limit);

/* A parameter that is 0 or 1; without it, 0. False when it is something else; then it is answered.
 */
bool flag_read(struct request *request, const char *name, bool *flag);

/* What is wrong with another one. */
#define ID_OF_NEW_TASK                                                                             \
    "the id of a new task must be a UUIDv7, such as 01980e5a-6f2b-7c3d-9e4f-0123456789ab: lists "  \
    "are in the order of ids, and only those begin with the time"

#endif
