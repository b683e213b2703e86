/* JSON bodies: reading them, and complaining about their members. [http] */
#ifndef AWAITD_SERVER_BODY_H
#define AWAITD_SERVER_BODY_H

#include <jansson.h>

#include "server/request.h"

/* The request's body as an object, which the caller owns; or NULL and the request is answered. The
 * body's bytes are freed. */
json_t *body_read(struct request *request);

/* Complains about a member that nobody asked for, naming the nearest of `known` (NULL-terminated).
 */
void body_refuse_member(struct error_list *errors, const char *key, const char *const *known);

/* Complains so about all members of the object that are not `known`. */
void body_check_members(struct error_list *errors, const json_t *body, const char *const *known);

/* How many characters a string that came from JSON has. */
size_t body_count_characters(const json_t *string);

/* The members `name` and `timeout`, of whatever has them: complain where they are wrong. True when
 * there is a name; null is TIMEOUT_NEVER, as in asyncio.timeout(None). */
bool body_check_name(struct error_list *errors, const json_t *value);
void body_check_timeout(struct error_list *errors, const json_t *value, double *seconds);
/* The same of a member of another name: its pointer. */
void body_check_seconds(struct error_list *errors, const char *pointer, const json_t *value,
                        double *seconds);

/* "/parent/key" with the key escaped as JSON Pointers want it (cut where it is very long). */
void body_pointer(char pointer[512], const char *parent, const char *key);

#endif
