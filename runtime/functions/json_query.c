/* json_query: a filter of jq, on any JSON value. */
#include <jq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/functions/functions.h"

/* Filters see nothing of the server: not its environment, no files, not its standard error. What
 * stands before a filter also keeps `import` and `include` from being its beginning. */
#define GUARD                                                                                      \
    "{} as $ENV | def env: {}; def stderr: .; def debug: .; def input_filename: null; "            \
    "def halt: error(\"halt is not possible here\"); "                                             \
    "def halt_error: error(\"halt_error is not possible here\"); "                                 \
    "def halt_error(code): error(\"halt_error is not possible here\"); "
#define MOST_BYTES (64u << 20) /* of all that comes out */

/* What a filter may need more than there is already; jq itself knows no limit. */
#define MOST_MEMORY ((rlim_t)1 << 30)

/* Beyond that jq gives up, and its process with it, before the machine is short of memory. False:
 * there is no such limit here; else *former is what it was. */
static bool limit_memory(struct rlimit *former)
{
    unsigned long pages;
    FILE *file = fopen("/proc/self/statm", "re");
    bool is_known = file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) == 1;
    if (file)
        fclose(file);
    if (!is_known || getrlimit(RLIMIT_DATA, former) < 0)
        return false;
    struct rlimit limit = *former;
    rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MOST_MEMORY;
    if (limit.rlim_cur > most) /* RLIM_INFINITY is more than anything */
        limit.rlim_cur = most;
    return setrlimit(RLIMIT_DATA, &limit) == 0;
}

/* jq would begin with the definitions in ~/.jq. */
static bool compile_homeless(jq_state *jq, const char *program)
{
    char *home = getenv("HOME");
    home = home ? strdup(home) : NULL;
    unsetenv("HOME");
    bool is_good = jq_compile(jq, program);
    if (home)
        setenv("HOME", home, 1);
    free(home);
    return is_good;
}

/* Keeps jq's first complaint, one line of it. */
static void keep_message(void *context, jv message)
{
    struct buffer *text = context;
    bool is_text = jv_get_kind(message) == JV_KIND_STRING;
    jv said = is_text ? message : jv_dump_string(message, 0);
    const char *line = jv_string_value(said);
    if (strncmp(line, "jq: error: ", 11) == 0)
        line += 11;
    if (text->size == 0)
        buffer_add(text, line, strcspn(line, "\n"));
    jv_free(said);
}

/* `input`: there is none but the one. */
static jv no_more_inputs(jq_state *jq, void *context)
{
    (void)jq, (void)context;
    return jv_invalid();
}

/* The results, comma-separated; false: it has raised. */
static bool collect(struct function_call *call, jq_state *jq, bool only_first, struct buffer *out)
{
    jv result = jq_next(jq);
    bool is_first = true, is_cancelled = false;
    for (; jv_is_valid(result) && !is_cancelled && out->size < MOST_BYTES && !out->failed;
         result = jq_next(jq)) {
        jv text = jv_dump_string(result, 0);
        buffer_text(out, is_first ? "" : ",");
        buffer_text(out, jv_string_value(text));
        jv_free(text);
        is_first = false;
        if (only_first)
            return true;
        is_cancelled = function_is_cancelled(call);
    }
    bool is_over = !jv_is_valid(result),
         has_failed = is_over && jv_invalid_has_msg(jv_copy(result));
    if (is_cancelled)
        function_give_up(call);
    else if (!is_over)
        function_raise(call, "ValueError", "more comes out of the filter than %u bytes",
                       MOST_BYTES);
    else if (has_failed) {
        struct buffer message = {0};
        keep_message(&message, jv_invalid_get_msg(jv_copy(result)));
        function_raise(call, "ValueError", "%s", message.bytes ? message.bytes : "");
        buffer_release(&message);
    }
    jv_free(result);
    return is_over && !is_cancelled && !has_failed;
}

static void query(struct function_call *call, jq_state *jq)
{
    struct buffer found = {0}, out = {0};
    bool only_first = function_flag(call, "first");
    char *text = json_dumps(function_argument(call, "input"), JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) {
        function_raise(call, "MemoryError", "not enough memory");
        return;
    }
    jq_start(jq, jv_parse(text), 0);
    free(text);
    if (collect(call, jq, only_first, &found)) {
        buffer_text(&out, only_first ? "" : "[");
        buffer_text(&out, found.bytes ? found.bytes : only_first ? "null" : "");
        buffer_text(&out, only_first ? "" : "]");
        size_t size = out.size;
        char *bytes = buffer_take(&out);
        if (bytes)
            function_return(call, bytes, size);
        else
            function_raise(call, "MemoryError", "not enough memory");
    }
    buffer_release(&found);
}

static void run(struct function_call *call)
{
    size_t size;
    const char *filter = function_text(call, "filter", &size);
    struct buffer program = {0}, complaint = {0};
    jq_state *jq = jq_init();
    buffer_text(&program, GUARD);
    buffer_text(&program, size ? filter : ".");
    if (!jq || program.failed) {
        function_raise(call, "MemoryError", "not enough memory");
    } else if (strlen(filter) != size) {
        function_raise(call, "ValueError", "the filter has a NUL character");
    } else {
        jq_set_error_cb(jq, keep_message, &complaint);
        jq_set_input_cb(jq, no_more_inputs, NULL);
        struct rlimit former;
        bool is_limited = limit_memory(&former);
        if (compile_homeless(jq, program.bytes))
            query(call, jq);
        else
            function_raise(call, "ValueError", "not a filter of jq: %s",
                           complaint.bytes ? complaint.bytes : "it cannot be compiled");
        if (is_limited)
            setrlimit(RLIMIT_DATA, &former);
    }
    buffer_release(&program);
    buffer_release(&complaint);
    jq_teardown(&jq);
}

const struct function function_json_query = {
    .name = "json_query",
    .summary = "What a filter of jq makes of a JSON value: the list of its results, or the first "
               "of them.",
    .parameters_json =
        "{\"filter\":{\"type\":\"string\",\"description\":\"such as .items[] | .name; it may take "
        "1 GiB of memory\"},"
        "\"input\":{\"description\":\"any JSON value\",\"default\":null},"
        "\"first\":{\"type\":\"boolean\",\"default\":false,"
        "\"description\":\"only the first result; null when there is none\"}}",
    .run = run,
    .is_contained = true,
};
