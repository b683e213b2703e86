#include "server/body.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/json.h"
#include "schema/nearest.h"
#include "schema/plan.h"
#include "schema/utf8.h"
#include "server/reply.h"

#define NAME_MAX_CHARACTERS 200
#define TIMEOUT_MAX_S 3155760000 /* 100 years, as in the ops */

json_t *body_read(struct request *request)
{
    struct error e;
    struct error_list errors = {0};
    json_t *body = json_read(request->body ? request->body : "", request->body_size, &e);
    free(request->body);
    request->body = NULL;
    if (!body) {
        reply_error(request, &e);
        return NULL;
    }
    if (json_is_object(body))
        return body;
    json_decref(body);
    error_list_add(&errors, "", "the body must be a JSON object");
    reply_errors(request, &errors);
    error_list_release(&errors);
    return NULL;
}

void body_refuse_member(struct error_list *errors, const char *key, const char *const *known)
{
    char pointer[512];
    size_t n = 0;
    while (known[n])
        n++;
    const char *like = nearest(key, known, n);
    body_pointer(pointer, "", key);
    if (like)
        error_list_add(errors, pointer, "there is no member '%.100s' here; did you mean '%s'?", key,
                       like);
    else
        error_list_add(errors, pointer, "there is no member '%.100s' here", key);
}

void body_check_members(struct error_list *errors, const json_t *body, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            body_refuse_member(errors, key, known);
    }
}

size_t body_count_characters(const json_t *string)
{
    return utf8_count(json_string_value(string), json_string_length(string));
}

bool body_check_name(struct error_list *errors, const json_t *value)
{
    size_t size = json_is_string(value) ? body_count_characters(value) : 0;
    if (json_is_null(value))
        return false;
    bool is_good = size > 0 && size <= NAME_MAX_CHARACTERS;
    if (!is_good)
        error_list_add(errors, "/name", "must be a string of 1 to %d characters",
                       NAME_MAX_CHARACTERS);
    return is_good;
}

void body_check_timeout(struct error_list *errors, const json_t *value, double *seconds)
{
    body_check_seconds(errors, "/timeout", value, seconds);
}

void body_check_seconds(struct error_list *errors, const char *pointer, const json_t *value,
                        double *seconds)
{
    double given = json_number_value(value);
    if (json_is_null(value))
        *seconds = TIMEOUT_NEVER;
    else if (!json_is_number(value) || given < 0 || given > TIMEOUT_MAX_S)
        error_list_add(errors, pointer,
                       "must be a number of seconds from 0 to %lld (100 years), or null",
                       (long long)TIMEOUT_MAX_S);
    else
        *seconds = given;
}

void body_pointer(char pointer[512], const char *parent, const char *key)
{
    size_t used = (size_t)snprintf(pointer, 256, "%s/", parent);
    for (; *key && used < 508; key++) {
        if (*key == '~' || *key == '/') {
            pointer[used++] = '~';
            pointer[used++] = *key == '~' ? '0' : '1';
        } else
            pointer[used++] = *key;
    }
    pointer[used] = '\0';
}
