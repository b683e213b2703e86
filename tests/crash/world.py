"""What the jobs of the crash test do something to: two files, and a server for `http` and `stream`.

A leaf has a name of its own. Each time it runs it adds a line to a file of its own, `own/NAME`, and the line
`L NAME LIFE` to the file `lines` that all leaves share, so that it is seen in which order things were done; LIFE says
for which run of the server, by how many kills there were before it (not said: as the file says). The test adds its own
observations to that file: `K 7` is the seventh kill, `E JOB` means that the job's end was seen, and `S JOB TEXT` that a
line of its log was.

As a program this is the server, on two ports that it prints; it ends when its standard input does.
"""

import asyncio
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import urllib.request


class World:
    """The test's side."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "own").mkdir()
        self.lines = os.open(self.folder / "lines", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self.lock = threading.Lock()
        self.server = subprocess.Popen([sys.executable, __file__, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.http_port, self.stream_port = map(int, self.server.stdout.readline().split())
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        self.offset, self.rest, self.n, self.kills = 0, b"", 0, 0

    def close(self):
        self.server.stdin.close()
        self.server.wait(60)
        self.server.stdout.close()
        os.close(self.lines)

    def note(self, line):
        os.write(self.lines, line.encode() + b"\n")

    def settle(self):
        """After a kill: returns when nothing of what was sent before it is still to be done."""
        with socket.create_connection(("127.0.0.1", self.stream_port)) as connection:
            connection.sendall(b"settle\n")
            connection.recv(100)
        self.open(self.url + "/settle").read()

    def own(self, leaf):
        """How often the leaf has begun, as its own file says."""
        try:
            return (self.folder / "own" / leaf).read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def forget(self, leaf):
        (self.folder / "own" / leaf).unlink(missing_ok=True)

    def read(self):
        """The lines that have come since: (number, kills before it, kind, name, the rest or None)."""
        found = []
        data = os.pread(self.lines, 1 << 26, self.offset)
        self.offset += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            kind, name, *rest = line.decode().split(" ", 2)
            self.n += 1
            self.kills += kind == "K"
            found.append((self.n, self.kills, kind, name, *(rest or [None])))
        return found


# ---- the server's side ----


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.lines = os.open(os.path.join(folder, "lines"), os.O_WRONLY | os.O_APPEND)
        self.open = 0
        self.changed = asyncio.Condition()

    def append(self, leaf):
        """How often it was there."""
        path = os.path.join(self.folder, "own", leaf)
        with open(path, "ab") as own:
            own.write(b"\n")
        os.write(self.lines, f"L {leaf}\n".encode())
        return os.stat(path).st_size

    async def http(self, reader, writer):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            length = re.search(r"(?i)\ncontent-length: *(\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            status, answer = await self.answer(*path[1:].split("/"))
            body = json.dumps(answer).encode()
            writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\n"
                         f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()

    async def answer(self, what, leaf=None, number="0"):
        """`leaf`: does it; `fail`: and fails; `flaky`: and fails, but for the time of that number and later ones."""
        if what == "settle":
            async with self.changed:
                await self.changed.wait_for(lambda: self.open == 1)
            return 200, None
        times = self.append(leaf)
        if what == "leaf":
            await asyncio.sleep(int(number) / 1000)
        return 500 if what == "fail" or what == "flaky" and times < int(number) else 200, {"leaf": leaf}

    async def stream(self, reader, writer):
        while True:
            leaf = (await reader.readuntil(b"\n")).decode().strip()
            if leaf != "settle":
                self.append(leaf)
            writer.write(f"done {leaf}\n".encode())
            await writer.drain()

    def connected(self, talk):
        async def run(reader, writer):
            self.open += 1
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()
                async with self.changed:
                    self.open -= 1
                    self.changed.notify_all()
        return run


async def serve(folder):
    world = Server(folder)
    servers = [await asyncio.start_server(world.connected(talk), "127.0.0.1", 0, backlog=1024)
               for talk in (world.http, world.stream)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
