#include "schema/buffer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/allocate.h"
#include "schema/utf8.h"

#define FIRST_CAPACITY 64

/* Makes room for size more bytes and the NUL. */
static bool reserve(struct buffer *b, size_t size)
{
    if (b->failed)
        return false;
    if (size < b->capacity - b->size && b->bytes)
        return true;
    size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
    while (capacity - b->size <= size && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    char *bytes = capacity - b->size > size ? allocate_resize(b->bytes, capacity) : NULL;
    if (!bytes) {
        b->failed = true;
        return false;
    }
    b->bytes = bytes;
    b->capacity = capacity;
    return true;
}

void buffer_add(struct buffer *b, const void *bytes, size_t size)
{
    if (!reserve(b, size))
        return;
    if (size > 0)
        memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
    b->bytes[b->size] = '\0';
}

void buffer_text(struct buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_char(struct buffer *b, char c)
{
    buffer_add(b, &c, 1);
}

void buffer_format(struct buffer *b, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size < 0)
        b->failed = true;
    else if (reserve(b, (size_t)size))
        b->size += (size_t)vsnprintf(b->bytes + b->size, (size_t)size + 1, format, again);
    va_end(again);
    va_end(arguments);
}

/* The letter after the backslash, 'u' for the long form, 0 for what stands as it is. */
static char escape_letter(unsigned char c)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (c == '"' || c == '\\')
        return (char)c;
    if (c >= 32)
        return 0;
    return letters[c] ? letters[c] : 'u';
}

void buffer_json_string(struct buffer *b, const char *text, size_t size)
{
    size_t plain = 0; /* where the stretch began that needs no escape */
    buffer_char(b, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        char letter = escape_letter(c);
        if (!letter)
            continue;
        buffer_add(b, text + plain, i - plain);
        plain = i + 1;
        if (letter == 'u')
            buffer_format(b, "\\u%04x", c);
        else
            buffer_add(b, (char[]){'\\', letter}, 2);
    }
    buffer_add(b, text + plain, size - plain);
    buffer_char(b, '"');
}

void buffer_json_message(struct buffer *b, const char *text)
{
    struct buffer clean = {0};
    size_t size = strlen(text);
    if (!utf8_is_valid(text, size)) {
        buffer_add(&clean, text, size);
        b->failed |= clean.failed;
        if (!clean.failed)
            utf8_mend(clean.bytes, size);
    }
    buffer_json_string(b, clean.bytes ? clean.bytes : text, size);
    buffer_release(&clean);
}

/* ---- real numbers ---- */

/* Writes number > 0 as "d.dddde+xx" with so many digits; true when that reads back as the same. */
static bool try_digits(double number, int digits, char text[40])
{
    snprintf(text, 40, "%.*e", digits - 1, number);
    return strtod(text, NULL) == number;
}

/* At a power of two the doubles below are nearer than those above, so the nearest 16 digits may
 * miss where the next 16 above hit. A quarter of the gap upwards gets the printer there. */
static bool try_above(double number, char text[40])
{
    long double gap = (long double)nextafter(number, INFINITY) - (long double)number;
    snprintf(text, 40, "%.15Le", (long double)number + gap / 4);
    return strtod(text, NULL) == number;
}

/* Any decimal of up to 15 digits survives being a normal double, so 15 digits show whether one is
 * enough; only the subnormals have less precision than that. */
static void shortest(double number, char text[40])
{
    int digits = isnormal(number) ? 15 : 1;
    while (digits < 17 && !try_digits(number, digits, text))
        digits++;
    if (digits == 17 && !try_above(number, text))
        try_digits(number, 17, text);
}

/* Lays digits and exponent out as Python's repr does. */
static void add_layout(struct buffer *b, const char *digits, int n, int exponent)
{
    if (exponent < -4 || exponent >= 16) {
        buffer_format(b, n > 1 ? "%c.%.*se%c%02d" : "%c%.*se%c%02d", digits[0], n - 1, digits + 1,
                      exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        buffer_format(b, "0.%.*s%.*s", -exponent - 1, "000", n, digits);
    } else if (n <= exponent + 1) {
        buffer_format(b, "%.*s%.*s.0", n, digits, exponent + 1 - n, "0000000000000000");
    } else {
        buffer_format(b, "%.*s.%.*s", exponent + 1, digits, n - exponent - 1,
                      digits + exponent + 1);
    }
}

void buffer_json_real(struct buffer *b, double number)
{
    if (!isfinite(number)) { /* JSON has no word for it */
        buffer_text(b, "null");
        return;
    }
    if (signbit(number))
        buffer_char(b, '-');
    if (number == 0) {
        buffer_text(b, "0.0");
        return;
    }
    char text[40], digits[20];
    shortest(fabs(number), text);
    int n = 0;
    const char *c = text;
    for (; *c != 'e'; c++)
        if (*c != '.')
            digits[n++] = *c;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    add_layout(b, digits, n, (int)strtol(c + 1, NULL, 10));
}

/* ---- time ---- */

#define US_PER_DAY INT64_C(86400000000)

struct date {
    int64_t year;
    int month, day;
};

/* The proleptic Gregorian calendar, in eras of 400 years that begin on the 1st of March, so that
 * the leap day comes last (Howard Hinnant's civil_from_days). Not gmtime_r: that takes a lock. */
static struct date date_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int from_march = (int)((5 * of_year + 2) / 153);
    int month = from_march < 10 ? from_march + 3 : from_march - 9;
    return (struct date){
        .year = year + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(of_year - (153 * from_march + 2) / 5) + 1,
    };
}

/* Every answer has several times: this is much cheaper than printf. */
static void put_digits(char *to, int n, unsigned number)
{
    for (; n-- > 0; number /= 10)
        to[n] = (char)('0' + number % 10);
}

void buffer_json_time(struct buffer *b, int64_t at_us)
{
    if (at_us == 0) {
        buffer_text(b, "null");
        return;
    }
    int64_t days = at_us / US_PER_DAY - (at_us % US_PER_DAY < 0);
    int64_t us = at_us - days * US_PER_DAY;
    int seconds = (int)(us / 1000000);
    struct date date = date_from_days(days);
    char text[] = "\"0000-00-00T00:00:00.000000Z\"";
    put_digits(text + 1, 4, (unsigned)date.year);
    put_digits(text + 6, 2, (unsigned)date.month);
    put_digits(text + 9, 2, (unsigned)date.day);
    put_digits(text + 12, 2, (unsigned)seconds / 3600);
    put_digits(text + 15, 2, (unsigned)seconds / 60 % 60);
    put_digits(text + 18, 2, (unsigned)seconds % 60);
    put_digits(text + 21, 6, (unsigned)(us % 1000000));
    buffer_add(b, text, sizeof text - 1);
}

char *buffer_take(struct buffer *b)
{
    char *bytes = b->bytes;
    if (b->failed) {
        free(bytes);
        bytes = NULL;
    }
    *b = (struct buffer){0};
    return bytes;
}

void buffer_release(struct buffer *b)
{
    free(b->bytes);
    *b = (struct buffer){0};
}
