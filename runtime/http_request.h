/* What the op http asks of the network thread (OPERATION_FETCH), and the answer in the words of
 * jobs. The op makes it, then whoever carries it out owns it. No I/O. */
#ifndef AWAITD_RUNTIME_HTTP_REQUEST_H
#define AWAITD_RUNTIME_HTTP_REQUEST_H

#include "runtime/operation.h"
#include "schema/id.h"

struct http_header {
    const char *name, *value;
};

/* Everything is the request's own and has been checked. */
struct http_request {
    struct operation operation; /* first */
    char *method;               /* in capitals */
    char *url;
    char **headers; /* "Name: value", NULL-terminated */
    size_t n_headers;
    char *body; /* NULL: there is none */
    size_t body_size;
    double timeout; /* seconds, for all of it */
    size_t max_body;
    unsigned max_redirects; /* when it follows them */
    bool follows_redirects, raises_for_status;
};

/* Copies both. */
struct http_request *http_request_new(const char *method, const char *url);
/* Adds a header; those of "Name=value" texts. */
void http_request_add(struct http_request *request, const char *name, const char *value);
void http_request_add_pairs(struct http_request *request, const char *const *pairs);
/* Takes the body, which has been written to; says of which type it is, unless a header does. */
void http_request_set_body(struct http_request *request, struct buffer *body, const char *type);
/* W3C Trace Context: all requests of a task are of one trace. That is what its label `traceparent`
 * says (labels: a JSON object, or NULL), else a new one, whose number is the task's id; unless a
 * header of the request says otherwise. */
void http_request_add_traceparent(struct http_request *request, const struct id *id,
                                  const char *labels);
/* Whether the text begins with a good one of 55 characters, of any version. */
bool http_begins_traceparent(const char *text);

struct http_response {
    long status;
    const char *url; /* as it may be shown */
    const struct http_header *headers;
    size_t n_headers;
    const char *body;
    size_t body_size;
};

/* The answer: {"status", "url", "headers", "body" or "body_base64", "json"?}, or HTTPStatusError.
 * [any] */
void http_answer(const struct http_request *request, const struct http_response *response,
                 struct answer *out);

/* "Not Found"; NULL when the number has no such words. */
const char *http_status_words(long status);

/* What may stand in a request (RFC 9110, sections 5 and 9): the complaint, "must …", or NULL. */
const char *http_check_method(const char *method);
const char *http_check_header(const char *name, const char *value);
/* The same of all "Name=value" texts together; `at` gets the name that it is about. */
#define HTTP_NAME_SHOWN 64
const char *http_check_headers(const char *const *pairs, char at[HTTP_NAME_SHOWN]);

#endif
