/* What went wrong in an operation of ours, and where. A job's own failure is not one of these: it
 * is an exception that flows up its tree (runtime/exception.h).
 *
 * Any module may fill a caller's `struct error`; nothing here allocates. [any] */
#ifndef AWAITD_SCHEMA_ERROR_H
#define AWAITD_SCHEMA_ERROR_H

#include <stddef.h>

/* code, what it means. The server maps each to one HTTP status (server/reply.c), main to an exit
 * status (server/main.c). */
#define ERROR_CODES(X)                                                                             \
    X(OK, "no error")                                                                              \
    X(NO_MEMORY, "out of memory")                                                                  \
    X(BAD_JSON, "the text is not acceptable JSON")                                                 \
    X(INVALID, "well-formed, but not valid here")                                                  \
    X(NOT_FOUND, "there is no such thing")                                                         \
    X(CONFLICT, "not possible in the state that it is in")                                         \
    X(REPEATED, "a request with the same idempotency key came before")                             \
    X(TOO_MANY, "a limit on how many is reached; try again later")                                 \
    X(DRAINING, "the server is shutting down")                                                     \
    X(SAFE_MODE, "no job runs after so many crashes")                                              \
    X(STORE_FULL, "no room left on the disk")                                                      \
    X(STORE_UNKNOWN, "the commit's outcome is unknown")                                            \
    X(STORE_LOCKED, "another server has this database open")                                       \
    X(STORE_FOREIGN, "the file is not a database of this program, or damaged")                     \
    X(STORE_NEWER, "the database was written by a newer version")                                  \
    X(PLUGIN, "a plugin is not usable")                                                            \
    X(SYSTEM, "the operating system refused")

enum error_code {
#define ERROR_ENUM(name, meaning) ERROR_##name,
    ERROR_CODES(ERROR_ENUM)
#undef ERROR_ENUM
};

/* The caller owns it, usually on the stack. `pointer` is a JSON Pointer (RFC 6901) into the text
 * that was read, where one applies, else "". */
struct error {
    enum error_code code;
    char pointer[256];
    char text[512];
};

/* Fills *e (which may be NULL) and returns -code, so that a function can `return error_set(...)`.
 */
int error_set(struct error *e, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "NOT_FOUND" and so on. */
const char *error_code_name(enum error_code code);

/* All that is wrong with one document, so that a client can mend it in one go.
 * Owns its texts; init with {0}, end with error_list_release. */
struct error_list {
    size_t n, capacity;
    struct error_item {
        char *pointer; /* JSON Pointer, never NULL */
        char *detail;
    } * items;
};

/* How many are kept; more than that help nobody. */
#define ERROR_LIST_MAX 100

/* Copies both texts. Beyond ERROR_LIST_MAX, and when memory is short, it is dropped (n still says
 * that there was at least one). */
void error_list_add(struct error_list *list, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Forgets all complaints, as they may be wrong: there was no memory. n is 1, capacity 0. */
void error_list_no_memory(struct error_list *list);
void error_list_release(struct error_list *list);

#endif
