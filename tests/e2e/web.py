"""A server for the op http to talk to, in a process of its own, that does well or badly as the path says.

    with web.Web() as server:
        server.url + "/broken"

As a program it is that server: it prints its port, and ends when its standard input does.
"""

import asyncio
import contextlib
import gzip
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import urllib.parse
import urllib.request

SLOW = 0.7  # seconds that /slow takes
HUGE = bytes(range(256)) * 4096  # a MiB


# ---- the tests' side ----


class Web:
    """`certificate`: from make_certificate; with it TLS, and HTTP/2 where the client wants it."""

    def __init__(self, certificate=None):
        options = [certificate] if certificate else []
        self.process = subprocess.Popen([sys.executable, __file__, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.authority = f"127.0.0.1:{self.port}"
        self.url = f"http{'s' if certificate else ''}://{self.authority}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def count(self):
        """Of connections, all so far and those that are open; of requests. Without what asks for it."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url + "/count") as answer:
            return json.load(answer)


def make_certificate(folder, subject="IP:127.0.0.1,DNS:localhost"):
    """Signed by itself: a file that is the certificate, its key, and its authority."""
    path = os.path.join(folder, "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=test", "-addext", "subjectAltName=" + subject, "-keyout", path, "-out", path + ".crt"],
                   check=True, capture_output=True)
    with open(path, "a") as out, open(path + ".crt") as certificate:
        out.write(certificate.read())
    return path


# ---- the server's side ----


class Counts:
    connections = open = requests = 0


def response(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def as_json(value, status=200):
    return response(status, json.dumps(value).encode(), "Content-Type: application/json")


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def run(self):
        while True:
            try:
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            self.method, self.target, _ = head.split("\r\n")[0].split()
            self.headers = re.findall(r"^([^:\r\n]+):[ \t]*([^\r\n]*)", head, re.MULTILINE)
            length = [int(value) for name, value in self.headers if name.lower() == "content-length"]
            self.body = await self.reader.readexactly(length[0]) if length else b""
            url = urllib.parse.urlsplit(self.target)
            self.query = dict(urllib.parse.parse_qsl(url.query))
            Counts.requests += url.path != "/count"
            answer = await getattr(self, "do" + url.path.replace("/", "_"), self.do_nothing_there)()
            if answer is None:
                return
            self.writer.write(answer)
            await self.writer.drain()

    async def do_nothing_there(self):
        return as_json({"detail": "nothing there"}, 404)

    async def do_count(self):
        return as_json({"connections": Counts.connections - 1, "open": Counts.open - 1, "requests": Counts.requests})

    async def do_echo(self):
        headers = [[name, value] for name, value in self.headers]
        return as_json({"method": self.method, "target": self.target, "headers": headers, "body": self.body.decode()})

    async def do_status(self):
        return response(int(self.query["status"]), self.query.get("body", "").encode())

    async def do_slow(self):
        await asyncio.sleep(SLOW)
        return response(200, b"slow")

    async def do_never(self):
        await self.reader.read()

    async def do_half(self):
        """Begins the answer, and never goes on."""
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1234")
        await self.reader.read()

    async def do_broken(self):
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1234")
        await self.writer.drain()

    async def do_broken_chunk(self):
        self.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n8\r\n12")
        await self.writer.drain()

    async def do_silent(self):
        """Closes without a word."""

    async def do_reset(self):
        self.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1234")
        await self.writer.drain()
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def do_once(self):
        """Answers the first request on a connection only, and then closes it as the second one is there."""
        if hasattr(self, "was_asked"):
            return None
        self.was_asked = True
        return response(200, b"once")

    async def do_nonsense(self):
        return b"what?\r\n\r\n"

    async def do_redirect(self):
        return response(int(self.query["status"]), b"", "Location: " + self.query["to"])

    async def do_loop(self):
        n = int(self.query.get("n", 0))
        return response(302, b"", f"Location: /loop?n={n + 1}") if n < 10 else response(200, b"at last")

    async def do_chunked(self):
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nX-Trailer: 1\r\n\r\n"

    async def do_gzip(self):
        return response(200, gzip.compress(b'{"a": "zipped"}'), "Content-Encoding: gzip", "Content-Type: application/a+json; x=y")

    async def do_bomb(self):
        return response(200, gzip.compress(bytes(100 << 20)), "Content-Encoding: gzip")

    async def do_huge(self):
        return response(int(self.query.get("status", 200)), HUGE * int(self.query["mib"]))

    async def do_endless(self):
        self.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                self.writer.write(b"more and " * 1000)
                await self.writer.drain()

    async def do_endless_headers(self):
        self.writer.write(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                self.writer.write(b"X-More: " + b"and more " * 100 + b"\r\n")
                await self.writer.drain()

    async def do_many_headers(self):
        return response(200, b"", *[f"X-{i}:" for i in range(int(self.query["n"]))])

    async def do_interim(self):
        """Says for ever that the answer is about to come."""
        with contextlib.suppress(ConnectionError):
            while True:
                self.writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
                await self.writer.drain()

    async def do_trailers(self):
        self.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                self.writer.write(b"X-More: and more\r\n")
                await self.writer.drain()

    async def do_null(self):
        return response(200, b"a\0b")

    async def do_bytes(self):
        return response(200, b"\xff\x00\xfe")

    async def do_headers(self):
        return response(200, b"", "X-A: 1", "x-a: 2", "X-Empty:", "X-Latin: ma\xf1ana", "Set-Cookie: a=1, b", "SET-COOKIE: c=2")


async def serve_http2(reader, writer):
    """Each request gets its path and the number of streams so far."""
    import h2.config
    import h2.connection
    import h2.events
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    connection.initiate_connection()
    n = 0
    while True:
        writer.write(connection.data_to_send())
        data = await reader.read(65536)
        if not data:
            return
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                n += 1
                body = json.dumps({"path": dict(event.headers)[":path"], "streams": n}).encode()
                connection.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
                connection.send_data(event.stream_id, body, end_stream=True)


async def connected(reader, writer):
    Counts.connections += 1
    Counts.open += 1
    tls = writer.get_extra_info("ssl_object")
    try:
        if tls and tls.selected_alpn_protocol() == "h2":
            await serve_http2(reader, writer)
        else:
            await Connection(reader, writer).run()
    except ConnectionError:
        pass
    finally:
        Counts.open -= 1
        writer.close()


async def serve(certificate=None):
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(["h2", "http/1.1"])
    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=4096, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
