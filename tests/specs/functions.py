"""Functions that the op `thread` calls, by their names: what Python has in their place. `sleep` takes
virtual time."""
import base64
import gzip
import hashlib
import zlib

from fields import bind

TEXT, FLAG = {"type": "string"}, {"type": "boolean", "default": False}
MAYBE_TEXT = {"type": ["string", "null"], "default": None}
BYTES = {"text": MAYBE_TEXT, "base64": MAYBE_TEXT}
SECONDS = {"type": "number", "minimum": 0, "maximum": 3155760000}


class Functions:
    def __init__(self, loop):
        self.loop = loop

    def call(self, name, args):
        return getattr(self, name)(**bind(PARAMETERS[name], args))

    def sleep(self, seconds, result, cancellable):
        self.loop.slept += seconds
        return seconds if result is None else result

    def noop(self):
        return None

    def echo(self, value):
        return value

    def sort(self, items, key, reverse):
        return sorted(items, key=None if key is None else lambda item: item[key], reverse=reverse)

    def hash(self, algorithm, **given):
        data = data_of(given)
        return f"{zlib.crc32(data):08x}" if algorithm == "crc32" else hashlib.new(algorithm, data).hexdigest()

    def base64(self, **given):
        data = data_of(given)
        return data.decode() if given["text"] is None else base64.b64encode(data).decode()

    def decompress(self, **given):
        try:
            data = gzip.decompress(base64.b64decode(given["base64"], validate=True))
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(str(error)) from None
        if len(data) > given["max_bytes"]:
            raise ValueError("too much")
        return data.decode() if given["as"] == "text" else base64.b64encode(data).decode()

    def primes(self, n):
        return sum(all(number % other for other in range(2, int(number ** 0.5) + 1))
                   for number in range(2, n + 1))


def data_of(given):
    (name, value), = ((name, value) for name, value in given.items() if value is not None)
    return open(value, "rb").read() if name == "file" else \
        value.encode() if name == "text" else base64.b64decode(value, validate=True)


PARAMETERS = {
    "sleep": {"seconds": SECONDS, "result": {"default": None}, "cancellable": {"type": "boolean", "default": True}},
    "noop": {},
    "echo": {"value": {"default": None}},
    "sort": {"items": {"type": "array"}, "key": MAYBE_TEXT, "reverse": FLAG},
    "hash": {"algorithm": {"enum": ["sha256", "sha1", "md5", "crc32"], "default": "sha256"}, **BYTES,
             "file": MAYBE_TEXT},
    "base64": BYTES,
    "decompress": {"base64": TEXT, "as": {"enum": ["text", "base64"], "default": "text"},
                   "max_bytes": {"type": "integer", "minimum": 0, "maximum": 67108864, "default": 16777216}},
    "primes": {"n": {"type": "integer", "minimum": 0, "maximum": 1000000000000}},
}
