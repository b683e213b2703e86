#include "server/query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "schema/utf8.h"
#include "schema/buffer.h"
#include "schema/nearest.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_utf8(const char *text)
{
    size_t size = strlen(text), n;
    for (; size > 0; text += n, size -= n)
        if ((n = utf8_character(text, size)) == 0)
            return false;
    return true;
}

/* In place, NUL-terminated; `blank` stands for a blank. NULL or what is wrong with it. */
static const char *decode(char *text, char blank)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        char c = *in == blank ? ' ' : *in;
        if (c == '%') {
            int high = hex_digit(in[1]), low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0)
                return "has a % that is not followed by two hexadecimal digits";
            c = (char)(high << 4 | low);
            in += 2;
        }
        if (c == '\0')
            return "has a NUL character";
        *out++ = c;
    }
    *out = '\0';
    return is_utf8(text) ? NULL : "is not UTF-8";
}

static int query_add(struct query *query, char *name, struct error *e)
{
    char *equals = strchr(name, '='), *value = equals ? equals + 1 : name + strlen(name);
    if (equals)
        *equals = '\0';
    const char *wrong = decode(name, '+');
    if (wrong)
        return error_set(e, ERROR_INVALID, "the name of a query parameter %s", wrong);
    if ((wrong = decode(value, '+')))
        return error_set(e, ERROR_INVALID, "the query parameter '%.100s' %s", name, wrong);
    if (query_get(query, name))
        return error_set(e, ERROR_INVALID, "the query parameter '%.100s' is given twice", name);
    if (query->n == QUERY_MAX)
        return error_set(e, ERROR_INVALID, "more than %d query parameters", QUERY_MAX);
    query->items[query->n].name = name;
    query->items[query->n++].value = value;
    return 0;
}

int query_parse(struct query *query, char *text, struct error *e)
{
    int status = 0;
    query->n = 0;
    while (text && status == 0) {
        char *parameter = strsep(&text, "&");
        if (*parameter)
            status = query_add(query, parameter, e);
    }
    return status;
}

const char *query_get(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->n; i++)
        if (strcmp(query->items[i].name, name) == 0)
            return query->items[i].value;
    return NULL;
}

int query_allow(const struct query *query, const char *const *known, struct error *e)
{
    size_t n = 0;
    while (known[n])
        n++;
    for (size_t i = 0; i < query->n; i++) {
        const char *name = query->items[i].name;
        size_t k = 0;
        while (k < n && strcmp(known[k], name) != 0)
            k++;
        if (k < n)
            continue;
        const char *like = nearest(name, known, n);
        if (like)
            return error_set(e, ERROR_INVALID,
                             "there is no query parameter '%.100s' here; did you mean '%s'?", name,
                             like);
        return error_set(e, ERROR_INVALID, "there is no query parameter '%.100s' here", name);
    }
    return 0;
}

bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *out)
{
    size_t size = strlen(text);
    if (size == 0 || size > 18 || strspn(text, "0123456789") != size)
        return false;
    *out = strtoll(text, NULL, 10);
    return *out >= min && *out <= max;
}

bool parse_seconds(const char *text, double *seconds)
{
    size_t whole = strspn(text, "0123456789"), all = whole;
    if (text[all] == '.')
        all += 1 + strspn(text + all + 1, "0123456789");
    if (whole == 0 || text[all] != '\0' || text[all - 1] == '.')
        return false;
    *seconds = strtod(text, NULL);
    return true;
}

bool path_decode(char *segment)
{
    return decode(segment, ' ') == NULL;
}

bool name_is_good(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789-.";
    size_t size = strlen(name), n_first = strcspn(allowed, "0");
    return size > 0 && size <= 100 && memchr(allowed, name[0], n_first) &&
           strspn(name, allowed) == size;
}

/* One preference: name [= value] [; parameters], up to a comma outside quotes. */
static const char *preference_end(const char *text)
{
    bool quoted = false;
    for (; *text && (quoted || *text != ','); text++) {
        if (*text == '"')
            quoted = !quoted;
        else if (quoted && *text == '\\' && text[1])
            text++;
    }
    return text;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

bool prefer_find_wait(const char *header, const char **value, size_t *size)
{
    for (const char *at = header; *at;) {
        const char *end = preference_end(at), *name = skip_blanks(at);
        const char *equals = skip_blanks(name + strcspn(name, " \t=,;"));
        if (strncasecmp(name, "wait", 4) == 0 && strcspn(name, " \t=,;") == 4) {
            *value = *equals == '=' ? skip_blanks(equals + 1) : equals;
            bool quoted = **value == '"';
            *value += quoted;
            *size = *equals == '=' ? strcspn(*value, quoted ? "\"" : " \t,;") : 0;
            return true;
        }
        at = *end ? end + 1 : end;
    }
    return false;
}

bool etag_matches(const char *header, const char *tag)
{
    size_t size = strlen(tag);
    if (strcmp(skip_blanks(header), "*") == 0)
        return true;
    for (const char *at = header; (at = strstr(at, tag)); at += size)
        if ((at == header || strchr(" \t,/", at[-1])) && (!at[size] || strchr(" \t,", at[size])))
            return true;
    return false;
}

void query_encode(struct buffer *out, const char *value)
{
    for (; *value; value++)
        if (isalnum((unsigned char)*value) || strchr("-._~", *value))
            buffer_char(out, *value);
        else
            buffer_format(out, "%%%02X", (unsigned char)*value);
}
