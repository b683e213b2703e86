/* The suites of the spec tests, made from the files that are there. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/memory.h"
#include "tests/specs/case.h"

#define FOLDER "tests/specs"

static struct spec_file files[SPECS_SUITES_MAX];
static size_t n_files;
static CU_TestInfo *tests[SPECS_SUITES_MAX];

static void release_files(void)
{
    for (size_t i = 0; i < n_files; i++) {
        spec_file_release(&files[i]);
        free(tests[i]);
    }
}

static const struct spec_case *find_case(const char *suite, const char *name)
{
    for (size_t i = 0; i < n_files; i++)
        for (size_t j = 0; strcmp(files[i].suite, suite) == 0 && j < files[i].n_cases; j++)
            if (strcmp(files[i].cases[j].name, name) == 0)
                return &files[i].cases[j];
    return NULL;
}

/* CUnit's test functions take no argument: the names say which case it is. */
static void run_case(void)
{
    const struct spec_case *c =
        find_case(CU_get_current_suite()->pName, CU_get_current_test()->pName);
    char *differs = spec_case_run(c);
    CU_assertImplementation(differs == NULL, c->line, differs ? differs : "", c->file, "",
                            CU_FALSE);
    free(differs);
}

static CU_SuiteInfo suite_of(struct spec_file *file, CU_TestInfo *list)
{
    for (size_t i = 0; i < file->n_cases; i++)
        list[i] = (CU_TestInfo){file->cases[i].name, run_case};
    return (CU_SuiteInfo){.pName = file->suite, .pTests = list};
}

/* SPECS or all in the folder, in the alphabet's order. */
static void list_files(glob_t *found)
{
    const char *named = getenv("SPECS");
    if (!named) {
        glob(FOLDER "/*.test", 0, NULL, found);
        return;
    }
    char *words = memory_text(named);
    *found = (glob_t){0};
    for (char *rest, *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        glob(word, GLOB_NOCHECK | (found->gl_pathc ? GLOB_APPEND : 0), NULL, found);
    free(words);
}

void specs_list_suites(CU_SuiteInfo *suites, size_t n)
{
    glob_t found;
    list_files(&found);
    atexit(release_files);
    for (size_t i = 0; i < found.gl_pathc && i < n; i++) {
        struct spec_file *file = &files[n_files];
        spec_file_read(file, found.gl_pathv[i]);
        tests[n_files++] = memory_new_zeroed(file->n_cases + 1, sizeof **tests);
        suites[i] = suite_of(file, tests[i]);
    }
    globfree(&found);
}

static void run_reference(void)
{
    CU_ASSERT_EQUAL(system("\"${PYTHON:-python3}\" " FOLDER "/reference.py"
                           " ${SPECS:-" FOLDER "/*.test}"),
                    0);
}

CU_SuiteInfo specs_reference_suite(void)
{
    static CU_TestInfo list[] = {{"--reference: CPython gives the same answers", run_reference},
                                 CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "reference", .pTests = list};
}
