#include "schema/exception_type.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Whose parent is not Exception; in the order of their names. */
static const struct parent {
    const char *type, *parent;
} parents[] = {
    {"BaseExceptionGroup", "BaseException"},
    {"BlockingIOError", "OSError"},
    {"BodyTooLarge", "HTTPError"},
    {"BrokenBarrierError", "RuntimeError"},
    {"BrokenExecutor", "RuntimeError"},
    {"BrokenPipeError", "ConnectionError"},
    {"BrokenProcessPool", "BrokenExecutor"},
    {"BytesWarning", "Warning"},
    {"CancelledError", "BaseException"},
    {"ChildProcessError", "OSError"},
    {"ConnectionAbortedError", "ConnectionError"},
    {"ConnectionError", "OSError"},
    {"ConnectionRefusedError", "ConnectionError"},
    {"ConnectionResetError", "ConnectionError"},
    {"DeprecationWarning", "Warning"},
    {"EncodingWarning", "Warning"},
    {"EnvironmentError", "OSError"},
    {"Exception", "BaseException"},
    {"ExceptionGroup", "BaseExceptionGroup"},
    {"FileExistsError", "OSError"},
    {"FileNotFoundError", "OSError"},
    {"FloatingPointError", "ArithmeticError"},
    {"FutureWarning", "Warning"},
    {"GeneratorExit", "BaseException"},
    {"HTTPProtocolError", "HTTPError"},
    {"HTTPStatusError", "HTTPError"},
    {"IOError", "OSError"},
    {"ImportWarning", "Warning"},
    {"IncompleteReadError", "EOFError"},
    {"IndentationError", "SyntaxError"},
    {"IndexError", "LookupError"},
    {"InterruptedError", "OSError"},
    {"IsADirectoryError", "OSError"},
    {"KeyError", "LookupError"},
    {"KeyboardInterrupt", "BaseException"},
    {"ModuleNotFoundError", "ImportError"},
    {"NotADirectoryError", "OSError"},
    {"NotImplementedError", "RuntimeError"},
    {"OverflowError", "ArithmeticError"},
    {"PendingDeprecationWarning", "Warning"},
    {"PermissionError", "OSError"},
    {"ProcessLookupError", "OSError"},
    {"RecursionError", "RuntimeError"},
    {"ResourceWarning", "Warning"},
    {"RuntimeWarning", "Warning"},
    {"SSLCertVerificationError", "SSLError"},
    {"SSLError", "OSError"},
    {"SendfileNotAvailableError", "RuntimeError"},
    {"SyntaxWarning", "Warning"},
    {"SystemExit", "BaseException"},
    {"TabError", "IndentationError"},
    {"TimeoutError", "OSError"},
    {"TooManyRedirects", "HTTPError"},
    {"UnboundLocalError", "NameError"},
    {"UnicodeDecodeError", "UnicodeError"},
    {"UnicodeEncodeError", "UnicodeError"},
    {"UnicodeError", "ValueError"},
    {"UnicodeTranslateError", "UnicodeError"},
    {"UnicodeWarning", "Warning"},
    {"UserWarning", "Warning"},
    {"ZeroDivisionError", "ArithmeticError"},
    {"gaierror", "OSError"},
};

static int compare(const void *type, const void *entry)
{
    return strcmp(type, ((const struct parent *)entry)->type);
}

static const char *parent_of(const char *type)
{
    const struct parent *found =
        bsearch(type, parents, sizeof parents / sizeof *parents, sizeof *parents, compare);
    return found ? found->parent : "Exception";
}

const char *exception_type_name(const char *type)
{
    bool is_os_error = strcmp(type, "IOError") == 0 || strcmp(type, "EnvironmentError") == 0;
    return is_os_error ? "OSError" : type;
}

bool exception_type_is(const char *type, const char *wanted)
{
    wanted = exception_type_name(wanted);
    if (strcmp(type, "ExceptionGroup") == 0 && strcmp(wanted, "Exception") == 0)
        return true; /* it has two parents */
    while (strcmp(type, wanted) != 0) {
        if (strcmp(type, "BaseException") == 0)
            return false;
        type = parent_of(type);
    }
    return true;
}

bool exception_is_name(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && (name[i] != '.' || i == 0))
            return false;
    return size > 0 && size <= 100 && !isdigit((unsigned char)name[0]);
}

bool exception_may_be_raised(const char *name)
{
    static const char *const refused[] = {"BaseException", "SystemExit",    "KeyboardInterrupt",
                                          "GeneratorExit", "StopIteration", "StopAsyncIteration"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcmp(name, refused[i]) == 0)
            return false;
    return exception_is_name(name);
}
