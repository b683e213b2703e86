#include "runtime/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "schema/utf8.h"

#define TEXT_MAX 1024
#define ESCAPED_MAX 6 /* "\u001b" for one byte */

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static _Atomic int least_level = LOG_INFO;
static _Atomic int line_format = LOG_HUMAN;

void log_configure(enum log_format format, enum log_level least)
{
    line_format = (int)format;
    least_level = (int)least;
}

/* Escapes what could end the line, forge another or steer a terminal; in JSON also what would end
 * the string. C1 controls (U+0080..9F) steer terminals too. */
static size_t text_escape(char *out, const char *text, bool quoted)
{
    char *at = out;
    size_t size = strlen(text);
    for (size_t i = 0, n; i < size; i += n ? n : 1) {
        unsigned char c = (unsigned char)text[i], d = (unsigned char)text[i + 1];
        n = utf8_character(text + i, size - i);
        if (n == 0)
            *at++ = '?';
        else if (c < 0x20 || c == 0x7f || (c == 0xc2 && d < 0xa0))
            at += sprintf(at, "\\u%04x", c == 0xc2 ? d : c);
        else {
            if (quoted && (c == '"' || c == '\\'))
                *at++ = '\\';
            memcpy(at, text + i, n);
            at += n;
        }
    }
    return (size_t)(at - out);
}

static void time_format(char out[48])
{
    struct timespec now;
    struct tm tm;
    char seconds[24];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, 48, "%s.%06ldZ", seconds, now.tv_nsec / 1000);
}

/* One write for a line, so that lines of several threads do not mix. */
void log_line(enum log_level level, const char *format, ...)
{
    if ((int)level < least_level)
        return;
    char text[TEXT_MAX], line[TEXT_MAX * ESCAPED_MAX + 128], now[48];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    time_format(now);

    bool json = line_format == LOG_JSON;
    int head = sprintf(line, json ? "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"" : "%s %-7s ",
                       now, level_names[level]);
    size_t size = (size_t)head + text_escape(line + head, text, json);
    size += (size_t)sprintf(line + size, json ? "\"}\n" : "\n");
    if (write(STDERR_FILENO, line, size) < 0)
        return; /* there is nobody left to tell */
}
