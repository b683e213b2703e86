#include "schema/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"

/* Of a complaint; a longer one is cut. */
#define DETAIL_MAX 1024

int error_set(struct error *e, enum error_code code, const char *format, ...)
{
    if (e) {
        va_list arguments;
        va_start(arguments, format);
        e->code = code;
        e->pointer[0] = '\0';
        vsnprintf(e->text, sizeof e->text, format, arguments);
        va_end(arguments);
    }
    return -(int)code;
}

const char *error_code_name(enum error_code code)
{
    static const char *const names[] = {
#define ERROR_NAME(name, meaning) #name,
        ERROR_CODES(ERROR_NAME)
#undef ERROR_NAME
    };
    size_t i = (size_t)code;
    return i < sizeof names / sizeof *names ? names[i] : "?";
}

/* Stands in the list when there was no memory even for the first item: n must not say "all is
 * well". Such a list has no capacity, which is how the functions below know it. */
static char nowhere[] = "", no_memory[] = "out of memory";
static struct error_item no_memory_item = {nowhere, no_memory};

void error_list_no_memory(struct error_list *list)
{
    error_list_release(list);
    *list = (struct error_list){.n = 1, .capacity = 0, .items = &no_memory_item};
}

void error_list_add(struct error_list *list, const char *pointer, const char *format, ...)
{
    if (list->n >= ERROR_LIST_MAX || (list->n > 0 && list->capacity == 0))
        return;
    if (!list->items) {
        list->items = allocate_zeroed(ERROR_LIST_MAX, sizeof *list->items);
        list->capacity = list->items ? ERROR_LIST_MAX : 0;
    }
    char text[DETAIL_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *where = allocate_text(pointer), *detail = allocate_text(text);
    if (list->items && where && detail) {
        list->items[list->n++] = (struct error_item){where, detail};
        return;
    }
    free(where);
    free(detail);
    if (list->n == 0)
        error_list_no_memory(list);
}

void error_list_release(struct error_list *list)
{
    for (size_t i = 0; i < list->n && list->capacity > 0; i++) {
        free(list->items[i].pointer);
        free(list->items[i].detail);
    }
    if (list->capacity > 0)
        free(list->items);
    *list = (struct error_list){0};
}
