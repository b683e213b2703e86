#include "runtime/executor/plugin.h"

#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/log.h"
#include "runtime/executor/plugin_call.h"
#include "runtime/executor/plugin_probe.h"
#include "schema/utf8.h"

#define FUNCTIONS_MAX 10000

/* One that was loaded. */
struct plugin {
    char *file;
    size_t n;
    struct plugin_function *functions;
};

struct plugins {
    size_t n;
    struct plugin *list;
};

/* A plugin that is being loaded. */
struct loading {
    const char *folder;
    struct plugin *plugin;
    struct functions *functions;
};

static int refuse(const struct plugin *plugin, struct error *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "the plugin words.so is refused: it has no …" */
static int refuse(const struct plugin *plugin, struct error *e, const char *format, ...)
{
    char why[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return error_set(e, ERROR_PLUGIN, "the plugin %.100s is refused: %s", plugin->file, why);
}

/* ---- one plugin ---- */

static bool is_function_name(const char *name)
{
    size_t size = strnlen(name, 101);
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("_-.", name[i]))
            return false;
    return size > 0 && size <= 100 && (isalpha((unsigned char)name[0]) || name[0] == '_');
}

static bool is_sentence(const char *text)
{
    size_t size = text ? strnlen(text, 1001) : 0;
    return size > 0 && size <= 1000 && utf8_is_valid(text, size);
}

static int add_function(const struct loading *l, size_t i, struct error *e)
{
    const struct plugin_function *f = &l->plugin->functions[i];
    const struct awaitd_function *described = &f->described;
    struct error why;
    if (!described->name)
        return refuse(l->plugin, e, "function %zu of %zu has no name", i + 1, l->plugin->n);
    if (!is_function_name(described->name))
        return refuse(l->plugin, e,
                      "the name of function %zu of %zu must be 1 to 100 letters, digits, '_', '-' "
                      "and '.', and begin with a letter or '_'",
                      i + 1, l->plugin->n);
    if (!is_sentence(described->summary))
        return refuse(l->plugin, e,
                      "the function '%s' has no summary, or none that is UTF-8 of at most 1000 "
                      "bytes",
                      described->name);
    if (!described->run)
        return refuse(l->plugin, e, "the function '%s' has no run()", described->name);
    const struct function function = {.name = described->name,
                                      .summary = described->summary,
                                      .parameters_json =
                                          described->parameters ? described->parameters : "{}",
                                      .run = plugin_call_run,
                                      .context = f};
    if (functions_add(l->functions, &function, &why) == 0)
        return 0;
    return why.code == ERROR_NO_MEMORY
               ? error_set(e, why.code, "%s", why.text)
               : refuse(l->plugin, e, "the function '%s': %s", described->name, why.text);
}

/* The descriptions may be longer than ours, when the plugin was built with a newer header. */
static int copy_functions(struct plugin *plugin, const struct awaitd_plugin *opened,
                          struct error *e)
{
    plugin->functions = calloc(opened->n_functions, sizeof *plugin->functions);
    if (!plugin->functions)
        return error_set(e, ERROR_NO_MEMORY, "out of memory");
    plugin->n = opened->n_functions;
    for (size_t i = 0; i < plugin->n; i++) {
        const char *described = (const char *)opened->functions + i * opened->function_size;
        plugin->functions[i].file = plugin->file;
        memcpy(&plugin->functions[i].described, described, sizeof(struct awaitd_function));
    }
    return 0;
}

static int check_opened(const struct plugin *plugin, const struct awaitd_plugin *opened,
                        struct error *e)
{
    if (!opened)
        return refuse(plugin, e, "awaitd_plugin_open returned nothing");
    if (opened->abi != AWAITD_PLUGIN_ABI)
        return refuse(plugin, e, "it was built for version %u of the interface, not %u",
                      (unsigned)opened->abi, AWAITD_PLUGIN_ABI);
    if (opened->size < sizeof(struct awaitd_plugin) ||
        opened->function_size < sizeof(struct awaitd_function) ||
        opened->function_size % _Alignof(struct awaitd_function) != 0)
        return refuse(plugin, e, "the sizes of its structures are not those of version %u",
                      AWAITD_PLUGIN_ABI);
    if (opened->n_functions < 1 || opened->n_functions > FUNCTIONS_MAX || !opened->functions)
        return refuse(plugin, e, "it has %u functions, not 1 to %d",
                      opened->functions ? (unsigned)opened->n_functions : 0, FUNCTIONS_MAX);
    return 0;
}

/* dlerror() begins with the path, which was said already. */
static const char *loader_error(const char *path)
{
    const char *said = dlerror();
    size_t size = strlen(path);
    if (!said)
        return "it cannot be loaded";
    return strncmp(said, path, size) == 0 && strncmp(said + size, ": ", 2) == 0 ? said + size + 2
                                                                                : said;
}

/* Runs code of the plugin. */
static int load(void *context, struct error *e)
{
    const struct loading *l = context;
    char path[PATH_MAX];
    const struct awaitd_plugin *(*open)(const struct awaitd_host *host);
    if (snprintf(path, sizeof path, "%s/%s", l->folder, l->plugin->file) >= (int)sizeof path)
        return refuse(l->plugin, e, "its path is too long");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return refuse(l->plugin, e, "%s", loader_error(path));
    void *symbol = dlsym(library, "awaitd_plugin_open");
    if (!symbol)
        return refuse(l->plugin, e, "it has no function awaitd_plugin_open");
    memcpy(&open, &symbol, sizeof open);
    const struct awaitd_plugin *opened = open(plugin_call_host());
    int status = check_opened(l->plugin, opened, e);
    if (status == 0)
        status = copy_functions(l->plugin, opened, e);
    for (size_t i = 0; status == 0 && i < l->plugin->n; i++)
        status = add_function(l, i, e);
    return status;
}

static int load_one(const struct loading *l, int patience_ms, struct error *e)
{
    char ending[200];
    int status = patience_ms ? probe(load, (void *)l, patience_ms, ending, sizeof ending, e) : 0;
    if (status == -ERROR_PLUGIN && ending[0])
        return refuse(l->plugin, e, "it %s while it was loaded", ending);
    return status == 0 ? load((void *)l, e) : status;
}

/* ---- all of them ---- */

static int is_library(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 3 && entry->d_name[0] != '.' && strcmp(entry->d_name + size - 3, ".so") == 0;
}

/* Not alphasort, which goes by the locale. */
static int by_name(const struct dirent **one, const struct dirent **other)
{
    return strcmp((*one)->d_name, (*other)->d_name);
}

static int load_all(struct plugins *plugins, const char *folder, struct dirent **entries, int n,
                    int patience_ms, struct functions *functions, struct error *e)
{
    int status = 0;
    plugins->list = calloc((size_t)n + 1, sizeof *plugins->list);
    for (int i = 0; plugins->list && status == 0 && i < n; i++) {
        struct plugin *plugin = &plugins->list[plugins->n++];
        const struct loading l = {folder, plugin, functions};
        plugin->file = strdup(entries[i]->d_name);
        status = plugin->file ? load_one(&l, patience_ms, e)
                              : error_set(e, ERROR_NO_MEMORY, "out of memory");
    }
    return plugins->list ? status : error_set(e, ERROR_NO_MEMORY, "out of memory");
}

/* No more than a warning: some file systems give these rights to all that there is. */
static void warn_of_strangers(const char *folder)
{
    struct stat status;
    if (stat(folder, &status) == 0 && (status.st_mode & S_IWOTH))
        log_line(LOG_WARNING,
                 "anybody on this machine may write to the folder of plugins %s, and "
                 "what is put there runs as this server",
                 folder);
}

int plugins_open(struct plugins **out, const char *folder, int patience_ms,
                 struct functions *functions, struct error *e)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_library, by_name);
    if (n < 0)
        return error_set(e, ERROR_PLUGIN, "cannot read the folder of plugins %s: %s", folder,
                         strerror(errno));
    if (patience_ms)
        warn_of_strangers(folder);
    struct plugins *plugins = calloc(1, sizeof *plugins);
    int status = plugins ? load_all(plugins, folder, entries, n, patience_ms, functions, e)
                         : error_set(e, ERROR_NO_MEMORY, "out of memory");
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    *out = plugins;
    return status;
}

void plugins_close(struct plugins *plugins)
{
    for (size_t i = 0; plugins && i < plugins->n; i++) {
        free(plugins->list[i].functions);
        free(plugins->list[i].file);
    }
    if (plugins)
        free(plugins->list);
    free(plugins);
}
