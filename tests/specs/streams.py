"""The op stream: bytes as awaitd has them in JSON, and pretend peers."""
import asyncio
import base64
import contextlib
import errno

from errors import vague


def as_bytes(given):
    return given.encode() if isinstance(given, str) else base64.b64decode(given["base64"])


def shown(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def read(reader, asked):
    if "until" in asked:
        return reader.readuntil(as_bytes(asked["until"]))
    return reader.readexactly(asked["exactly"]) if "exactly" in asked else reader.read()


@contextlib.contextmanager
def details():
    try:
        yield
    except asyncio.IncompleteReadError as error:
        error.details = {"partial": shown(error.partial), "expected": error.expected}
        raise
    except asyncio.LimitOverrunError as error:
        error.details = {"consumed": error.consumed}
        raise


class Peer:
    """tests/sim/outside_stream.c's peer, and the writer that talks to it: says what it does in the
    host's name to the reader."""

    LONG = 1e9

    def __init__(self, loop, host, port, is_tls, reader):
        self.connected, self.reader, self.is_tls = loop.create_future(), reader, is_tls
        self.heard, self.has_written_eof = b"", False
        (name, *words), at = host.split("|"), 0
        assert name == "sim"
        if words and words[0].startswith("connect="):
            at = float(words.pop(0).partition("=")[2])
        if words == ["refuse"]:
            loop.host_event(at, self.refuse, port)
            return
        loop.host_event(at, self.connect)
        for word in words:
            key, _, text = word.partition("=")
            if key == "after":
                at += float(text)
            else:
                loop.host_event(at, getattr(self, "do_" + key), text)
        if "eof" not in words and "reset" not in words:
            loop.host_event(self.LONG, self.do_reset, "")

    def refuse(self, port):
        if not self.connected.done():
            self.connected.set_exception(ConnectionRefusedError(
                errno.ECONNREFUSED, f"Connect call failed ('127.0.0.1', {port})"))

    def connect(self):
        if not self.connected.done():
            self.connected.set_result(None)

    def do_say(self, text):
        self.reader.feed_data(text.encode())

    def do_base64(self, text):
        self.reader.feed_data(base64.b64decode(text))

    def do_echo(self, _):
        self.reader.feed_data(self.heard + (b"." if self.has_written_eof else b""))
        self.heard = b""

    def do_eof(self, _):
        self.reader.feed_eof()

    def do_reset(self, _):
        self.reader.set_exception(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def write(self, data):
        if self.has_written_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        self.heard += data

    def write_eof(self):
        if self.is_tls:
            raise vague(NotImplementedError)
        self.has_written_eof = True
