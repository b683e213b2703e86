#include "schema/time.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>

/* Days since 1970-01-01, of the proleptic Gregorian calendar: years are counted from March, so that
 * the leap day is the last of its year. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t months = month > 2 ? month - 3 : month + 9;
    int64_t leap_days = y / 4 - y / 100 + y / 400;
    return y * 365 + leap_days + (months * 153 + 2) / 5 + day - 1 - 719468;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* Exactly n digits. */
static bool read_digits(const char **at, int n, int *number)
{
    for (*number = 0; n > 0; n--, ++*at) {
        if (!isdigit((unsigned char)**at))
            return false;
        *number = *number * 10 + (**at - '0');
    }
    return true;
}

static bool read_character(const char **at, const char *one_of)
{
    for (; *one_of; one_of++)
        if (**at == *one_of) {
            ++*at;
            return true;
        }
    return false;
}

static bool read_fraction(const char **at, int64_t *us)
{
    *us = 0;
    if (!read_character(at, "."))
        return true;
    if (!isdigit((unsigned char)**at))
        return false;
    for (int64_t unit = 100000; isdigit((unsigned char)**at); unit /= 10, ++*at)
        *us += (**at - '0') * unit;
    return true;
}

static bool read_offset(const char **at, int *minutes)
{
    int hours, rest;
    *minutes = 0;
    if (read_character(at, "Zz"))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!read_character(at, "+-") || !read_digits(at, 2, &hours) || !read_character(at, ":") ||
        !read_digits(at, 2, &rest) || hours > 23 || rest > 59)
        return false;
    *minutes = sign * (hours * 60 + rest);
    return true;
}

bool time_parse(const char *text, int64_t *at_us)
{
    int year, month, day, hour, minute, second, offset;
    int64_t us;
    if (!read_digits(&text, 4, &year) || !read_character(&text, "-") ||
        !read_digits(&text, 2, &month) || !read_character(&text, "-") ||
        !read_digits(&text, 2, &day) || !read_character(&text, "Tt ") ||
        !read_digits(&text, 2, &hour) || !read_character(&text, ":") ||
        !read_digits(&text, 2, &minute) || !read_character(&text, ":") ||
        !read_digits(&text, 2, &second) || !read_fraction(&text, &us) ||
        !read_offset(&text, &offset) || *text != '\0')
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return false;
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - offset;
    *at_us = (minutes * 60 + second) * 1000000 + us;
    return true;
}
