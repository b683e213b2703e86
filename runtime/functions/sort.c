/* sort: Python's sorted(): stable, and what cannot be compared is a TypeError. */
#include <stdlib.h>
#include <string.h>

#include "runtime/exception.h"
#include "runtime/functions/functions.h"
#include "schema/allocate.h"

struct entry {
    const json_t *key;
    size_t index;
};

struct sorting {
    struct function_call *call;
    bool is_reverse;
    const json_t *one, *other; /* could not be compared; NULL: all could, so far */
    unsigned n_compared;
    bool is_cancelled;
};

/* What Python calls it. */
static const char *type_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "dict", [JSON_ARRAY] = "list",   [JSON_STRING] = "str",
        [JSON_INTEGER] = "int", [JSON_REAL] = "float",   [JSON_TRUE] = "bool",
        [JSON_FALSE] = "bool",  [JSON_NULL] = "NoneType"};
    return names[json_typeof(value)];
}

/* True is 1. */
static bool as_number(const json_t *value, long double *number)
{
    if (json_is_integer(value))
        *number = (long double)json_integer_value(value);
    else if (json_is_real(value) || json_is_boolean(value))
        *number = json_is_boolean(value) ? json_is_true(value) : json_real_value(value);
    else
        return false;
    return true;
}

/* By code points: that is the order of UTF-8's bytes. */
static int compare_texts(const json_t *a, const json_t *b)
{
    size_t n = json_string_length(a), m = json_string_length(b);
    int order = memcmp(json_string_value(a), json_string_value(b), n < m ? n : m);
    return order ? order : (n > m) - (n < m);
}

static int compare(struct sorting *sorting, const json_t *a, const json_t *b);

static int compare_lists(struct sorting *sorting, const json_t *a, const json_t *b)
{
    size_t n = json_array_size(a), m = json_array_size(b);
    for (size_t i = 0; i < n && i < m; i++) {
        const json_t *one = json_array_get(a, i), *other = json_array_get(b, i);
        int order = json_equal(one, other) ? 0 : compare(sorting, one, other);
        if (order || sorting->one)
            return order;
    }
    return (n > m) - (n < m);
}

static int compare(struct sorting *sorting, const json_t *a, const json_t *b)
{
    long double one, other;
    if (as_number(a, &one) && as_number(b, &other))
        return (one > other) - (one < other);
    if (json_is_string(a) && json_is_string(b))
        return compare_texts(a, b);
    if (json_is_array(a) && json_is_array(b))
        return compare_lists(sorting, a, b);
    sorting->one = b; /* Python asks whether the later one is less */
    sorting->other = a;
    return 0;
}

static int compare_entries(const void *a, const void *b, void *context)
{
    struct sorting *sorting = context;
    const struct entry *one = a, *other = b;
    if (++sorting->n_compared % 4096 == 0 && function_is_cancelled(sorting->call))
        sorting->is_cancelled = true;
    if (sorting->one || sorting->is_cancelled)
        return 0;
    int order = compare(sorting, one->key, other->key);
    if (order)
        return sorting->is_reverse ? -order : order;
    return (one->index > other->index) - (one->index < other->index);
}

/* The member that an item is sorted by; NULL: it has raised. */
static const json_t *key_of(struct function_call *call, const json_t *item, const char *key)
{
    struct buffer repr = {0};
    const json_t *value = key ? json_object_get(item, key) : item;
    if (!value && !json_is_object(item)) {
        function_raise(call, "TypeError", "'key' is for objects, and there is an item of type '%s'",
                       type_name(item));
    } else if (!value) {
        exception_write_repr(&repr, key);
        function_raise(call, "KeyError", "%s", repr.bytes ? repr.bytes : "");
        buffer_release(&repr);
    }
    return value;
}

static void answer(struct function_call *call, const struct sorting *sorting, const json_t *items,
                   const struct entry *entries, size_t n)
{
    if (sorting->one) {
        function_raise(call, "TypeError", "'<' not supported between instances of '%s' and '%s'",
                       type_name(sorting->one), type_name(sorting->other));
    } else if (sorting->is_cancelled) {
        function_give_up(call);
    } else {
        json_t *sorted = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append(sorted, json_array_get(items, entries[i].index));
        function_return_json(call, sorted);
    }
}

static void run(struct function_call *call)
{
    const json_t *items = function_argument(call, "items");
    size_t n = json_array_size(items), size, i = 0;
    const char *key = function_text(call, "key", &size);
    struct entry *entries = allocate((n + 1) * sizeof *entries);
    struct sorting sorting = {.call = call, .is_reverse = function_flag(call, "reverse")};
    if (!entries)
        function_raise(call, "MemoryError", "not enough memory");
    for (; entries && i < n; i++) {
        entries[i] = (struct entry){key_of(call, json_array_get(items, i), key), i};
        if (!entries[i].key)
            break;
    }
    if (entries && i == n) {
        qsort_r(entries, n, sizeof *entries, compare_entries, &sorting);
        answer(call, &sorting, items, entries, n);
    }
    free(entries);
}

const struct function function_sort = {
    .name = "sort",
    .summary = "Sorts an array as Python's sorted() does: stable, numbers with numbers, texts with "
               "texts, lists with lists.",
    .parameters_json = "{\"items\":{\"type\":\"array\"},"
                       "\"key\":{\"type\":[\"string\",\"null\"],\"default\":null,"
                       "\"description\":\"the member that objects are sorted by\"},"
                       "\"reverse\":{\"type\":\"boolean\",\"default\":false}}",
    .run = run,
};
