/* A function with an effect that a test can count: it adds a line to files. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/plugins/plugin.h"

/* Adds what the environment says of LIFE, too. 0 or errno. One write to the end of the file, so
 * that lines of several writers do not mix. */
static int add(const char *path, const char *line)
{
    char text[300];
    const char *life = getenv("LIFE");
    int size =
        snprintf(text, sizeof text, "%.250s%s%.20s\n", line, life ? " " : "", life ? life : "");
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    int error = write(fd, text, (size_t)size) == size ? 0 : EIO;
    close(fd);
    return error;
}

static void append(struct awaitd_call *call)
{
    json_t *arguments = json_loadb(call->arguments, call->arguments_size, 0, NULL);
    json_t *line = json_object_get(arguments, "line"), *path;
    size_t i;
    int error = 0;
    json_array_foreach(json_object_get(arguments, "paths"), i, path)
    {
        if (error == 0)
            error = add(json_string_value(path), json_string_value(line));
    }
    double seconds = json_number_value(json_object_get(arguments, "seconds"));
    nanosleep(&(struct timespec){.tv_nsec = (long)(seconds * 1e9)}, NULL);
    if (error)
        awaitd_raise(call, "OSError", strerror(error));
    else
        awaitd_return(call, "true");
    json_decref(arguments);
}

static const struct awaitd_function functions[] = {
    {"append",
     "Adds a line, with LIFE from the environment, to each of the files, and stays a moment.",
     "{\"paths\": {\"type\": \"array\"}, \"line\": {\"type\": \"string\", \"maxLength\": 250},"
     " \"seconds\": {\"type\": \"number\", \"minimum\": 0, \"maximum\": 0.9, \"default\": 0}}",
     append, NULL},
};
OPEN_WITH(functions)
