"""What awaitd makes of a field's value that came from a reference, and of a call's arguments. What
it says then are its own words: only the errors' types are promised."""
import datetime
import math
import re

from errors import vague
from references import as_text

NEVER = 3155760000.0  # seconds: a hundred years
TYPES = {
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: TYPES["number"](value) and math.floor(value) == value,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
REFUSED = ("BaseException", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration",
           "StopAsyncIteration")


def check(value, types, is_in_range=lambda value: True):
    if not any(TYPES[one](value) for one in types.split()):
        raise vague(TypeError)
    if value is not None and not is_in_range(value):
        raise vague(ValueError)
    return value


def field(types, is_in_range=lambda value: True):
    return lambda value: check(value, types, is_in_range)


def number(least=0, most=NEVER, types="number"):
    return field(types, lambda value: least <= value <= most)


def integer(least):
    return lambda value: int(check(value, "integer", lambda value: least <= value <= 2**53))


def choice(*words):
    return field("string", lambda value: value in words)


def text(value):
    """Anything can be shown in a text."""
    if "\0" in as_text(value):
        raise vague(ValueError)
    return as_text(value)


def texts(values):
    return [check(value, "string") for value in check(values, "array")]


def headers(pairs):
    if any(re.search("[\0-\x08\n-\x1f\x7f]", check(value, "string"))
           or not re.fullmatch("[A-Za-z0-9!#$%&'*+.^_`|~-]+", name)
           for name, value in check(pairs, "object").items()) or len({name.lower() for name in pairs}) < len(pairs):
        raise vague(ValueError)
    return pairs


def timestamp(text):
    """Seconds since 1970 of an RFC 3339 text."""
    return datetime.datetime.fromisoformat(text).timestamp()


RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
EXCEPTION = field("string", lambda name: name not in REFUSED
                  and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]{0,99}", name))
AT = field("string", RFC_3339.fullmatch)
DEADLINE = {"seconds": number(types="number null"), "at": AT}
FLAG, SECONDS = field("boolean"), number()


def octets(value):
    """A string, or {"base64": …}."""
    if isinstance(check(value, "string object"), str):
        return value
    with_fields(value, {"base64": field("string", is_base64)}, "base64")
    return value


def is_base64(text):
    return re.fullmatch(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text)


def with_fields(value, fields, *required):
    check(value, "object", lambda value: value.keys() <= fields.keys() and set(required) <= value.keys())
    for key, given in value.items():
        fields[key](given)
    return value


def stream_read(value):
    with_fields(value, {"until": octets, "exactly": integer(0),
                        "eof": field("boolean", lambda value: value)})
    return check(value, "object", lambda value: len(value) == 1 and value.get("until") not in ("", {"base64": ""}))


def stream_exchange(steps):
    check(steps, "array", lambda steps: len(steps) > 0)
    for step in steps:
        with_fields(step, {"send": octets, "write_eof": FLAG, "read": stream_read})
    return steps


FIELDS = {
    "sleep": {"seconds": SECONDS},
    "log": {"message": text, "level": choice("debug", "info", "warning", "error")},
    "raise": {"type": EXCEPTION, "message": text},
    "cancel": {"message": text},
    "thread": {"function": text, "args": field("object"), "executor": text},
    "subprocess": {"argv": texts, "check": FLAG, "kill_after": SECONDS, "inherit_env": FLAG,
                   "stdin_from": choice("client"), "memory": integer(1), "cpu_seconds": integer(1)},
    "http": {"method": text, "url": text, "headers": headers, "body": text, "raise_for_status": FLAG,
             "timeout": SECONDS, "max_body": integer(1), "follow_redirects": FLAG,
             "max_redirects": integer(0)},
    "gather": {"return_exceptions": FLAG},
    "timeout": DEADLINE,
    "reschedule": DEADLINE,
    "wait": {"return_when": choice("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"),
             "timeout": number(types="number null")},
    "retry": {"attempts": integer(1), "delay": SECONDS, "backoff": SECONDS,
              "max_delay": SECONDS, "jitter": SECONDS},
    "semaphore": {"semaphore": text, "value": integer(0),
                  "bounded": FLAG},
    "map": {"items": field("array"), "concurrency": integer(1),
            "return_exceptions": FLAG},
    "call": {"args": field("object")},
    "stream": {"host": text, "port": field("integer", lambda value: 1 <= value <= 65535),
               "tls": FLAG, "server_hostname": text, "write_eof": FLAG,
               "limit": field("integer", lambda value: 1 <= value <= 2**24), "send": octets,
               "read": stream_read, "exchange": stream_exchange},
}


def is_equal(one, other):
    """As JSON has it: 1 is 1.0, and not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(one[key], other[key]) for key in one)
    return one == other


def is_in_range(value, schema):
    if "enum" in schema and not any(is_equal(value, one) for one in schema["enum"]):
        return False
    if TYPES["number"](value):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if isinstance(value, str):
        return schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    return True


def bind(parameters, given):
    """The arguments of a call, as Python binds them to an `async def`'s parameters."""
    for name in given:
        if name not in parameters:
            raise vague(TypeError)
    for name, schema in parameters.items():
        if name not in given and "default" not in schema:
            raise vague(TypeError)
    for name, value in given.items():
        types = parameters[name].get("type", list(TYPES))
        check(value, types if isinstance(types, str) else " ".join(types),
              lambda value: is_in_range(value, parameters[name]))
    return {name: given.get(name, schema.get("default")) for name, schema in parameters.items()}
