#include "runtime/executor/function.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/functions/functions.h"
#include "schema/allocate.h"
#include "schema/field.h"
#include "schema/json.h"
#include "schema/nearest.h"

struct functions {
    struct plan *memory; /* what their parameters are made of */
    size_t n;
    struct function **list; /* by name */
};

/* ---- to find one ---- */

/* Where the name is, or would have to go. */
static size_t place_of(const struct functions *functions, const char *name)
{
    size_t low = 0, high = functions->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(functions->list[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct function *functions_find(const struct functions *functions, const char *name)
{
    size_t i = place_of(functions, name);
    bool is_there = i < functions->n && strcmp(functions->list[i]->name, name) == 0;
    return is_there ? functions->list[i] : NULL;
}

const char *functions_nearest(const struct functions *functions, const char *name)
{
    const char **names = allocate((functions->n + 1) * sizeof *names);
    if (!names)
        return NULL;
    for (size_t i = 0; i < functions->n; i++)
        names[i] = functions->list[i]->name;
    const char *like = nearest(name, names, functions->n);
    free(names);
    return like;
}

size_t functions_count(const struct functions *functions)
{
    return functions->n;
}

const struct function *functions_at(const struct functions *functions, size_t i)
{
    return functions->list[i];
}

/* ---- to fill them in ---- */

static int read_parameters(struct functions *functions, struct function *function, struct error *e)
{
    const char *text = function->parameters_json;
    struct error_list errors = {0};
    struct error why;
    json_t *json = json_read(text, strlen(text), &why);
    int status = 0;
    if (!json)
        status = error_set(e, why.code == ERROR_NO_MEMORY ? why.code : ERROR_INVALID,
                           "the parameters of '%s': %s", function->name, why.text);
    else if (!plan_read_parameters(functions->memory, json, &function->parameters, &errors))
        status = error_set(e, errors.capacity ? ERROR_INVALID : ERROR_NO_MEMORY,
                           "the parameters of '%s': %s: %s", function->name,
                           errors.items[0].pointer, errors.items[0].detail);
    error_list_release(&errors);
    json_decref(json);
    return status;
}

static int insert(struct functions *functions, struct function *function, struct error *e)
{
    size_t at = place_of(functions, function->name);
    struct function **list = allocate_resize(functions->list, (functions->n + 1) * sizeof *list);
    if (!list)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    memmove(list + at + 1, list + at, (functions->n - at) * sizeof *list);
    list[at] = function;
    functions->list = list;
    functions->n++;
    return 0;
}

int functions_add(struct functions *functions, const struct function *function, struct error *e)
{
    if (functions_find(functions, function->name))
        return error_set(e, ERROR_CONFLICT, "there is a function '%s' already", function->name);
    struct function *copy = allocate(sizeof *copy);
    if (!copy)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    *copy = *function;
    int status = read_parameters(functions, copy, e);
    if (status == 0)
        status = insert(functions, copy, e);
    if (status < 0)
        free(copy);
    return status;
}

struct functions *functions_new(struct error *e)
{
    struct functions *functions = allocate_zeroed(1, sizeof *functions);
    int status = functions && (functions->memory = plan_new())
                     ? 0
                     : error_set(e, ERROR_NO_MEMORY, "out of memory");
    for (size_t i = 0; status == 0 && built_in_functions[i]; i++)
        status = functions_add(functions, built_in_functions[i], e);
    if (status == 0)
        return functions;
    functions_free(functions);
    return NULL;
}

void functions_free(struct functions *functions)
{
    if (!functions)
        return;
    while (functions->n)
        free(functions->list[--functions->n]);
    free(functions->list);
    plan_unref(functions->memory);
    free(functions);
}
