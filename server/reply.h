/* Answers: JSON that ends in a newline, problems as RFC 9457 has them, and the one table that says
 * which HTTP status an error of ours is. Each of the functions without a result answers the
 * request; when memory runs out the answer is a ready-made 503. [http] */
#ifndef AWAITD_SERVER_REPLY_H
#define AWAITD_SERVER_REPLY_H

#include "schema/buffer.h"
#include "schema/error.h"
#include "server/request.h"

#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"

/* A response with a body: takes the buffer's bytes. NULL when out of memory; the functions below
 * take that as well. */
struct MHD_Response *reply_new(struct request *request, struct buffer *body, const char *type);
/* The same with bytes that live for ever. */
struct MHD_Response *reply_static(struct request *request, const char *bytes, size_t size,
                                  const char *type);
void reply_header(struct MHD_Response *response, const char *name, const char *value);
/* Answers with it; takes it. */
void reply_send(struct request *request, unsigned status, struct MHD_Response *response);

/* Says that the wait which the client prefers is what it got, if so. */
void reply_preference(const struct request *request, struct MHD_Response *response);

/* Adds the newline and answers; takes the bytes. */
void reply_json(struct request *request, unsigned status, struct buffer *body);
/* 204 and 304 have no body. */
struct MHD_Response *reply_empty(void);

/* A problem; the detail says what is wrong, where, and what would be right. */
void reply_problem(struct request *request, unsigned status, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, to be sent before the body was read: what follows on the connection is not looked at.
 */
void reply_refusal(struct request *request, unsigned status, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));
/* The body of a problem, for one who sends it himself. */
void reply_write_problem(struct buffer *b, unsigned status, const char *detail);
const char *reply_title(unsigned status);
/* An error of an operation, with its pointer if it has one. */
void reply_error(struct request *request, const struct error *error);
/* Its code alone. */
void reply_code(struct request *request, enum error_code code);
/* 422: all that is wrong with the body; at least one item. */
void reply_errors(struct request *request, const struct error_list *errors);
/* 405 with what the path has. */
void reply_not_allowed(struct request *request, const char *allow);

unsigned reply_status(enum error_code code);

#endif
