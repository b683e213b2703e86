/* The pretend server:
 * http://sim/…?after=1&status=404&header=Name:value&body=…&json=[1]&echo&error=T
 *
 *   after    seconds until it answers
 *   status   200 without it
 *   header   one of the answer's; repeatable
 *   body     the answer's
 *   json     the same, and a header that says that it is JSON
 *   echo     the body is the request's method and body
 *   error    no answer but this error */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/bug.h"
#include "runtime/base/memory.h"
#include "runtime/http_request.h"
#include "tests/sim/outside.h"

#define HEADERS_MAX 8

struct pretended {
    double after;
    const char *error;
    struct http_response response;
    struct http_header headers[HEADERS_MAX];
    struct buffer body;
};

static void add_header(struct pretended *p, const char *name, const char *value)
{
    BUG_ON(p->response.n_headers == HEADERS_MAX);
    p->headers[p->response.n_headers++] = (struct http_header){name, value};
}

static void read_word(struct pretended *p, const struct http_request *request, char *word)
{
    char *is = strchr(word, '=');
    if (is)
        *is++ = '\0';
    if (strcmp(word, "after") == 0)
        p->after = atof(is);
    else if (strcmp(word, "status") == 0)
        p->response.status = atol(is);
    else if (strcmp(word, "error") == 0)
        p->error = is;
    else if (strcmp(word, "body") == 0)
        buffer_text(&p->body, is);
    else if (strcmp(word, "json") == 0) {
        add_header(p, "Content-Type", "application/json");
        buffer_text(&p->body, is);
    } else if (strcmp(word, "header") == 0) {
        char *colon = strchr(is, ':');
        *colon = '\0';
        add_header(p, is, colon + 1);
    } else if (strcmp(word, "echo") == 0)
        buffer_format(&p->body, "%s %s", request->method, request->body ? request->body : "");
    else
        BUG_ON(true);
}

static void raise(struct answer *answer, const char *type, const char *message, const char *url)
{
    struct buffer text = {0};
    buffer_format(&text, "%s: %s", message, url);
    answer->type = memory_text(type);
    answer->size = text.size;
    answer->text = memory_need(buffer_take(&text));
}

double outside_fetch(struct operation *operation)
{
    struct http_request *request = (struct http_request *)operation;
    struct pretended p = {.response = {.status = 200, .url = request->url}};
    char *query = memory_text(request->url), *rest = NULL;
    BUG_ON(strncmp(request->url, "http://sim/", 11) != 0);
    buffer_text(&p.body, "");
    for (char *word = strtok_r(strchr(query, '?') ? strchr(query, '?') + 1 : query + strlen(query),
                               "&", &rest);
         word; word = strtok_r(NULL, "&", &rest))
        read_word(&p, request, word);
    p.response.headers = p.headers;
    p.response.body = p.body.bytes;
    p.response.body_size = p.body.size;
    if (p.after > request->timeout) {
        char message[100];
        snprintf(message, sizeof message, "no answer within %.15g seconds", request->timeout);
        p.after = request->timeout;
        raise(&operation->answer, "TimeoutError", message, request->url);
    } else if (p.error)
        raise(&operation->answer, p.error, "pretended", request->url);
    else
        http_answer(request, &p.response, &operation->answer);
    buffer_release(&p.body);
    free(query);
    return p.after;
}
