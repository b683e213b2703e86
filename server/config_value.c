#include "server/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/runtime.h"
#include "server/query.h"

#define SECONDS_MAX 86400
#define TIMES_MAX 1000 /* so many runs are remembered */
_Static_assert(LOOPS_MAX == 64, "and so says the text below");

bool config_parse_size(const char *text, size_t *out)
{
    static const char units[] = "kmgt";
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
    if (unit) {
        unsigned shift = 10 * (unsigned)(unit - units + 1);
        if (number > SIZE_MAX >> shift)
            return false;
        number <<= shift;
        end += strcasecmp(end + 1, "iB") == 0 ? 3 : 1;
    }
    *out = (size_t)number;
    return errno == 0 && *end == '\0' && number > 0;
}

static int parse_choice(const char *text, const char *const *choices)
{
    for (int i = 0; choices[i]; i++)
        if (strcmp(text, choices[i]) == 0)
            return i;
    return -1;
}

static bool set_text(char **place, const char *value)
{
    char *copy = strdup(value);
    if (copy) {
        free(*place);
        *place = copy;
    }
    return copy != NULL;
}

static bool append_text(char **place, const char *value)
{
    struct buffer joined = {0};
    buffer_format(&joined, "%s%s%s", *place, **place ? "," : "", value);
    free(*place);
    *place = buffer_take(&joined);
    return *place != NULL;
}

const char *config_set_value(enum config_kind kind, void *place, const char *value, bool again)
{
    static const char *const formats[] = {"human", "json", NULL};
    static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
    int choice;
    int64_t number;
    double seconds;
    switch (kind) {
    case CONFIG_TEXT:
        if (!*value)
            return "must not be empty";
        return set_text(place, value) ? NULL : "out of memory";
    case CONFIG_LIST:
        return (again ? append_text : set_text)(place, value) ? NULL : "out of memory";
    case CONFIG_SIZE:
        return config_parse_size(value, place) ? NULL : "must be a size, such as 64MiB or 1000000";
    case CONFIG_COUNT:
        if (strspn(value, "0123456789") != strlen(value) || !config_parse_size(value, place))
            return "must be a whole number above 0";
        return NULL;
    case CONFIG_LOOPS:
        if (!parse_integer(value, 1, LOOPS_MAX, &number))
            return "must be a whole number from 1 to 64";
        *(size_t *)place = (size_t)number;
        return NULL;
    case CONFIG_TIMES:
        if (!parse_integer(value, 0, TIMES_MAX, &number))
            return "must be a whole number from 0 to 1000";
        *(size_t *)place = (size_t)number;
        return NULL;
    case CONFIG_SECONDS:
        if (!parse_seconds(value, &seconds) || seconds > SECONDS_MAX)
            return "must be a number of seconds, such as 0.1";
        *(double *)place = seconds;
        return NULL;
    case CONFIG_RETENTION:
        return retention_parse(value, place) ? NULL : "must be " RETENTION_GRAMMAR;
    case CONFIG_FORMAT:
        if ((choice = parse_choice(value, formats)) < 0)
            return "must be human or json";
        *(enum log_format *)place = (enum log_format)choice;
        return NULL;
    case CONFIG_LEVEL:
        if ((choice = parse_choice(value, levels)) < 0)
            return "must be debug, info, warning or error";
        *(enum log_level *)place = (enum log_level)choice;
        return NULL;
    case CONFIG_SWITCH:
        *(bool *)place = true;
        return NULL;
    }
    return NULL;
}
