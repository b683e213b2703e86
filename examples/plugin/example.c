/* A plugin: three functions that jobs can call once the server has loaded this. How to write one
 * stands in awaitd_plugin.h; JSON is read and written with jansson here, but any library will do.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "awaitd_plugin.h"

/* The arguments were checked against "parameters" before: they are there, and of the right types.
 */
static json_t *read_arguments(const struct awaitd_call *call)
{
    return json_loadb(call->arguments, call->arguments_size, 0, NULL);
}

/* Takes the value. */
static void return_json(struct awaitd_call *call, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text)
        awaitd_return(call, text);
    else
        awaitd_raise(call, "MemoryError", "");
    free(text);
    json_decref(value);
}

/* ---- word_count: reads a file, says how far it is, and can be cancelled ---- */

struct counts {
    json_int_t lines, words, bytes;
    int is_in_word;
};

static void count(struct counts *counts, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int is_space = isspace((unsigned char)bytes[i]) != 0;
        counts->lines += bytes[i] == '\n';
        counts->words += !is_space && !counts->is_in_word;
        counts->is_in_word = !is_space;
    }
    counts->bytes += (json_int_t)size;
}

static long size_of(FILE *file)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    return size;
}

/* 0, or why it cannot be read. */
static int count_file(struct awaitd_call *call, FILE *file, struct counts *counts)
{
    static const size_t chunk = 1 << 20;
    char *bytes = malloc(chunk);
    long all = size_of(file);
    size_t size;
    errno = bytes ? 0 : ENOMEM;
    while (bytes && !awaitd_is_cancelled(call) && (size = fread(bytes, 1, chunk, file)) > 0) {
        count(counts, bytes, size);
        if (all > 0)
            awaitd_progress(call, (double)counts->bytes / (double)all, "counting words");
    }
    int error = !bytes || ferror(file) ? errno : 0;
    free(bytes);
    return error;
}

static void word_count(struct awaitd_call *call)
{
    json_t *arguments = read_arguments(call);
    const json_t *text = json_object_get(arguments, "text");
    const char *path = json_string_value(json_object_get(arguments, "path"));
    struct counts counts = {0, 0, 0, 0};
    FILE *file = path ? fopen(path, "rb") : NULL;
    int error = path && !file ? errno : 0;
    if (json_is_string(text))
        count(&counts, json_string_value(text), json_string_length(text));
    if (file) {
        error = count_file(call, file, &counts);
        fclose(file);
    }
    if (!path && !json_is_string(text))
        awaitd_raise(call, "TypeError", "word_count() needs a text or a path");
    else if (error)
        awaitd_raise(call, error == ENOENT ? "FileNotFoundError" : "OSError", strerror(error));
    else
        return_json(call, json_pack("{sI sI sI}", "lines", counts.lines, "words", counts.words,
                                    "bytes", counts.bytes));
    json_decref(arguments);
}

/* ---- mandelbrot: computes for a while, row by row ---- */

/* The longer it stays, the darker. */
static char shade(double x, double y, int iterations)
{
    static const char shades[] = "   ..::-=+*%@";
    const int darkest = (int)sizeof shades - 2;
    double re = 0, im = 0;
    int n = 0;
    while (n < iterations && re * re + im * im <= 4) {
        double next = re * re - im * im + x;
        im = 2 * re * im + y;
        re = next;
        n++;
    }
    return shades[n == iterations ? darkest : n < darkest ? n : darkest - 1];
}

static void mandelbrot(struct awaitd_call *call)
{
    json_t *arguments = read_arguments(call), *rows = json_array();
    int width = (int)json_number_value(json_object_get(arguments, "width"));
    int height = (int)json_number_value(json_object_get(arguments, "height"));
    int iterations = (int)json_number_value(json_object_get(arguments, "iterations"));
    char row[1001] = "";
    for (int y = 0; y < height && !awaitd_is_cancelled(call); y++) {
        for (int x = 0; x < width; x++)
            row[x] = shade(-2.2 + 3.2 * x / width, -1.2 + 2.4 * y / height, iterations);
        json_array_append_new(rows, json_stringn(row, (size_t)width));
        awaitd_progress(call, (y + 1.0) / height, NULL);
    }
    return_json(call, rows);
    json_decref(arguments);
}

/* ---- odd_perfect: never comes back, and never looks whether anybody still waits ---- */

static void odd_perfect(struct awaitd_call *call)
{
    unsigned long long sum = 0, n = 1;
    while (sum != n || n == 1) {
        sum = 1;
        n += 2;
        for (unsigned long long i = 3; i * i <= n; i += 2)
            if (n % i == 0)
                sum += i + (i * i == n ? 0 : n / i);
    }
    return_json(call, json_integer((json_int_t)n));
}

/* ---- all of them ---- */

static const struct awaitd_function functions[] = {
    {"word_count", "Counts lines, words and bytes of a text or a file.",
     "{\"text\": {\"type\": [\"string\", \"null\"], \"default\": null},"
     " \"path\": {\"type\": [\"string\", \"null\"], \"default\": null,"
     "            \"description\": \"of a file, as the server sees it\"}}",
     word_count, NULL},
    {"mandelbrot", "Draws the Mandelbrot set with letters; an array of rows.",
     "{\"width\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 1000, \"default\": 60},"
     " \"height\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 1000, \"default\": 20},"
     " \"iterations\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 1000000000,"
     "                  \"default\": 1000}}",
     mandelbrot, NULL},
    {"odd_perfect", "Searches for an odd perfect number. None is known.", NULL, odd_perfect, NULL},
};

const struct awaitd_plugin *awaitd_plugin_open(const struct awaitd_host *host)
{
    static const struct awaitd_plugin plugin = AWAITD_PLUGIN(functions);
    (void)host;
    return &plugin;
}
