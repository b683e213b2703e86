"""Exceptions of jobs, and how awaitd shows them."""
import asyncio
import builtins
import functools


PARENTS = {"BodyTooLarge": "HTTPError", "HTTPProtocolError": "HTTPError", "HTTPStatusError": "HTTPError",
           "TooManyRedirects": "HTTPError", "SSLError": "OSError", "SSLCertVerificationError": "SSLError",
           "gaierror": "OSError"}


@functools.cache
def exception_class(name):
    """Python's own of that name, or asyncio's; any other is a child of Exception, or of what PARENTS says."""
    for module in (builtins, asyncio):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
    return type(name, (exception_class(PARENTS.get(name, "Exception")),), {})


CalledProcessError = exception_class("CalledProcessError")


def set_path(error, path):
    """Where it was raised. None: CPython made it afresh for one who looks at a cancelled task."""
    if not hasattr(error, "job_path"):
        error.job_path = path


def context_of(error):
    """What a traceback shows above it."""
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def as_error(error, below=()):
    """An exception as awaitd shows it. `below`: those that it is shown in. They can go in circles:
    a group of which a member was raised again while the group was handled."""
    shown = {"type": type(error).__name__, "message": str(error)}
    if getattr(error, "is_vague", False):  # the message is the engine's own
        del shown["message"]
    if getattr(error, "job_path", None) is not None:
        shown["path"] = error.job_path
    if hasattr(error, "details"):
        shown["details"] = error.details
    if error in below:
        return shown
    below = (*below, error)
    if isinstance(error, BaseExceptionGroup):
        shown["exceptions"] = [as_error(one, below) for one in error.exceptions]
    context = context_of(error)
    if context is not None and context not in below:
        shown["context"] = as_error(context, below)
    return shown


def without_contexts(shown):
    less = {key: value for key, value in shown.items() if key != "context"}
    if "exceptions" in less:
        less["exceptions"] = list(map(without_contexts, less["exceptions"]))
    return less


def all_of(error):
    """The exception, and what it brings along."""
    found = [error]
    for one in found:
        more = [context_of(one), *getattr(one, "exceptions", [])]
        found += [new for new in more if new is not None and new not in found]
    return found


def as_json(value):
    if isinstance(value, BaseException):
        return as_error(value)
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


def vague(kind):
    """For what awaitd says in its own words: only the type is promised."""
    error = kind()
    error.is_vague = True
    return error
