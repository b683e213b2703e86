"""Servers for streams to talk to, each connection on a thread of its own, and the same done by CPython's asyncio."""

import asyncio
import base64
import re
import socket
import ssl
import struct
import subprocess
import threading

import awaitd


class Peer:
    """Listens on loopback; `talk(connection)` for each connection, which it may leave open. `ended` is set whenever one
    is over, and what `talk` returned is in `heard`."""

    def __init__(self, test, talk, tls=None):
        self.talk, self.tls = talk, tls
        self.heard, self.open = [], set()
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()
        test.addCleanup(self.close)

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.open.add(connection)
                self.changed.notify_all()
            threading.Thread(target=self.serve, args=[connection]).start()

    def serve(self, connection):
        heard, raw = None, connection
        connection.settimeout(awaitd.PATIENCE)
        try:
            if self.tls:
                connection = self.tls.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
            heard = self.talk(connection)
        except OSError as error:
            heard = error
        finally:
            connection.close()
            with self.changed:
                self.open.discard(raw)
                self.heard.append(heard)
                self.changed.notify_all()

    def wait(self, condition, what):
        with self.changed:
            assert self.changed.wait_for(condition, awaitd.PATIENCE), f"never happened: {what}"

    def wait_open(self, n):
        self.wait(lambda: len(self.open) >= n, f"{n} connections")

    def wait_heard(self, n=1):
        self.wait(lambda: len(self.heard) >= n, f"the end of {n} connections")
        return self.heard

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        with self.changed:
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            assert self.changed.wait_for(lambda: not self.open, awaitd.PATIENCE), "a connection does not end"


# ---- what peers do ----


def says(*pieces, then=None):
    """Sends the pieces one by one, each as a packet of its own."""
    def talk(connection):
        if not isinstance(connection, ssl.SSLSocket):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            threading.Event().wait(0.002)  # so that it is one
        return then(connection) if then else None
    return talk


def listen_to_end(connection):
    """All that comes until the other side closes or ends."""
    heard = b""
    while piece := connection.recv(65536):
        heard += piece
    return heard


def echo(connection):
    n = 0
    while piece := connection.recv(65536):
        connection.sendall(piece)
        n += len(piece)
    return n


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer(connection):
    """Lines with a number before each, until QUIT."""
    with connection.makefile("rwb") as file:
        file.write(b"220 ready\r\n")
        file.flush()
        for number, line in enumerate(file):
            file.write(b"%d %s" % (number, line))
            file.flush()
            if line == b"QUIT\r\n":
                return


# ---- the same in CPython ----


def as_bytes(given):
    return given.encode() if isinstance(given, str) else base64.b64decode(given["base64"])


def shown(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


async def read(reader, asked):
    if "until" in asked:
        return await reader.readuntil(as_bytes(asked["until"]))
    return await (reader.readexactly(asked["exactly"]) if "exactly" in asked else reader.read())


async def talk(node, trust):
    tls = {"ssl": trust, "server_hostname": node.get("server_hostname", node["host"])} if node.get("tls") else {}
    reader, writer = await asyncio.open_connection(node["host"], node["port"], limit=node.get("limit", 2**16), **tls)
    try:
        results = []
        for step in node.get("exchange", [node]):
            writer.write(as_bytes(step.get("send", "")))
            if step.get("write_eof"):
                writer.write_eof()
            results.append(shown(await read(reader, step["read"])) if "read" in step else None)
        return results if "exchange" in node else results[0]
    finally:
        writer.transport.abort()


def cpython(node, trust=None):
    """{"result"} or {"error": {"type", "message"}} of the program that the node stands for."""
    try:
        return {"result": asyncio.run(talk(node, trust))}
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        message = re.sub(r" \(_ssl\.c:\d+\)$", "", str(error))
        return {"error": {"type": type(error).__name__, "message": message}}


# ---- certificates ----


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make_authority(folder):
    """ca.pem, and certificates by it for localhost (and 127.0.0.1), an expired one, and one by nobody."""
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=An authority for tests", "-addext", "basicConstraints=critical,CA:true")
    for name, days in ("good", "2"), ("expired", "-1"):
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost,DNS:*.inside.test,IP:127.0.0.1\n")
        openssl(folder, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", "/CN=localhost")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.key", "-out", "own.pem", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")


def server_tls(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # an end without goodbye is an error here
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context
