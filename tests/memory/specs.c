#include "tests/memory/specs.h"

#include <glob.h>
#include <stdlib.h>

#include "runtime/base/memory.h"
#include "tests/memory/run.h"
#include "tests/sim/memory.h"

#define SHORT_STEP 40 /* one of so many, in the short form */

static struct spec_file files[SPECS_SUITES_MAX];
static size_t n_files;
static const struct spec_case **specs;
static size_t n_specs;

/* Each is wrong in its own way; some in several. */
static const char *const bad[] = {
    "[]",
    "{}",
    "{\"op\":1}",
    "{\"op\":\"sleeep\"}",
    "{\"op\":\"sleep\"}",
    "{\"op\":\"sleep\",\"seconds\":-1}",
    "{\"op\":\"sleep\",\"seconds\":\"1\",\"second\":2,\"name\":3}",
    "{\"op\":\"sequence\",\"steps\":[{\"op\":\"value\",\"value\":1,\"name\":\"a\"},"
    "{\"op\":\"log\",\"message\":\"${b} and ${a.b[0][\\\"x\\\"].c\",\"level\":\"loud\"}]}",
    "{\"op\":\"gather\",\"tasks\":[{\"op\":\"x\"},[],{\"op\":\"sequence\",\"steps\":{}}]}",
    "{\"op\":\"raise\",\"type\":\"SystemExit\",\"message\":\"${nobody}\"}",
    "{\"op\":\"await\",\"task\":\"nobody\"}",
    "{\"op\":\"cancel\",\"task\":\"nobody\"}",
    "{\"op\":\"reschedule\",\"timeout\":\"nobody\",\"seconds\":1}",
    "{\"op\":\"call\",\"coroutine\":\"nobody\",\"args\":{\"a\":\"${b}\"}}",
    "{\"op\":\"try\",\"body\":{\"op\":\"value\"},\"except\":[{\"types\":[\"1\"]},{}]}",
    "{\"op\":\"subprocess\",\"argv\":[],\"env\":{\"A=\":\"\",\"B\":1},\"stdin\":{\"base64\":\"a\"}"
    "}",
    "{\"op\":\"future\",\"name\":\"\"}",
    "{\"op\":\"http\",\"url\":1,\"method\":\"BREW\",\"headers\":{\"a\":[]}}",
    "{\"parameters\":{\"a\":{\"type\":\"text\",\"default\":1},\"b\":{\"enum\":[],\"minimun\":1},"
    "\"c\":{\"type\":[\"number\",\"null\"],\"minimum\":\"x\",\"default\":[1]},\"d\":1},"
    "\"body\":{\"op\":\"value\",\"value\":\"${args.a}\"}}",
    "{\"parameters\":{\"a\":{\"type\":\"string\",\"enum\":[\"x\",\"y\"],\"default\":\"z\"}},"
    "\"body\":{\"op\":\"value\",\"value\":\"${args.a}\"}}",
};

/* ---- what tests/sim/memory.c has besides: here memory is the server's ---- */

void memory_scatter(uint64_t seed)
{
    (void)seed;
}

/* ---- reading ---- */

static void add(const struct spec_case *c)
{
    specs = memory_resize(specs, (n_specs + 1) * sizeof *specs);
    specs[n_specs++] = c;
}

static void add_file(const char *path)
{
    struct spec_file *file = &files[n_files++];
    spec_file_read(file, path);
    for (size_t i = 0; i < file->n_cases; i += is_full_form() ? 1 : SHORT_STEP)
        add(&file->cases[i]);
}

static void read_all(void)
{
    glob_t found;
    glob("tests/specs/*.test", 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && i < SPECS_SUITES_MAX; i++)
        add_file(found.gl_pathv[i]);
    globfree(&found);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct spec_case *c = memory_new_zeroed(1, sizeof *c);
        c->name = (char *)bad[i];
        c->file = "refused";
        c->timeout = TIMEOUT_NONE;
        c->spec = json_loads(bad[i], 0, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c->spec);
        add(c);
    }
}

size_t specs_count(void)
{
    if (!specs)
        read_all();
    return n_specs;
}

const struct spec_case *specs_get(size_t i)
{
    return i < specs_count() ? specs[i] : NULL;
}
