#include "runtime/host/host_uv_environment.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/memory.h"

static bool has_name(const char *entry, const char *name, size_t size)
{
    return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

static bool is_given(const char *const *given, const char *entry)
{
    size_t size = strcspn(entry, "=");
    for (; given && *given; given++)
        if (has_name(*given, entry, size))
            return true;
    return false;
}

static bool is_for_all(const char *entry)
{
    static const char *const names[] = {"PATH", "HOME", "LANG", "TZ"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (has_name(entry, names[i], strlen(names[i])))
            return true;
    return false;
}

static size_t count(const char *const *texts)
{
    size_t n = 0;
    while (texts && texts[n])
        n++;
    return n;
}

char **environment_new(const char *const *given, bool inherits)
{
    size_t n = 0, n_given = count(given);
    char **made = memory_new((count((const char *const *)environ) + n_given + 1) * sizeof *made);
    for (char **entry = environ; entry && *entry; entry++)
        if ((inherits || is_for_all(*entry)) && !is_given(given, *entry))
            made[n++] = *entry;
    for (size_t i = 0; i < n_given; i++)
        made[n++] = (char *)given[i];
    made[n] = NULL;
    return made;
}
