"""The server that is killed, and what its clients share: where it is, and whether it is there."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import select
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("AWAITD") or str(ROOT / "build/awaitd")
PATIENCE = 60
REPORTS = ("Sanitizer", "runtime error:", "awaitd: bug:")


class Broken(Exception):
    """The server did what it must never do."""


class Server:
    def __init__(self, folder, plugins, loops):
        self.folder = folder
        self.db = os.path.join(folder, "awaitd.db")
        self.options = ["--listen", "127.0.0.1:0", "--db", self.db, "--plugins", plugins, "--loops", str(loops),
                        "--slow-callback", "0", "--crash-loop", "0", "--quarantine", "0", "--log-level", "warning"]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWAITD")}
        self.stderr = os.path.join(folder, "stderr")
        self.process, self.port = None, 0

    def launch(self, life):
        """One more run; its number is in the environment of its processes."""
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen([BINARY, "serve", *self.options], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=stderr, env={**self.env, "LIFE": str(life)})

    def ready(self):
        """Waits until it listens."""
        line, end = b"", time.monotonic() + PATIENCE
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Broken(f"not ready after {PATIENCE} s: {self.said()}")
            piece = os.read(self.process.stdout.fileno(), 1000)
            if not piece:
                raise Broken(f"did not start (status {self.process.wait()}): {self.said()}")
            line += piece
        self.port = int(re.fullmatch(rb"listening on http://[\d.]+:(\d+)\n", line)[1])

    def said(self):
        return pathlib.Path(self.stderr).read_text(errors="replace")

    def kill(self):
        if any(word in self.said() for word in REPORTS):
            time.sleep(2)  # to let it say it all
        ended = self.process.poll()
        if ended is not None:
            raise Broken(f"ended by itself with status {ended}: {self.said()}")
        self.process.kill()
        self.gone()

    def gone(self):
        self.process.wait()
        self.process.stdout.close()
        if any(word in self.said() for word in REPORTS):
            raise Broken(self.said())

    def stop(self):
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.close()
            raise Broken(f"SIGTERM did not end it: {self.said()}") from None
        self.gone()
        if status:
            raise Broken(f"SIGTERM ended it with status {status}: {self.said()}")

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body.decode(errors='replace')}"


class Gone(Exception):
    """The server went away before it had answered: what was asked for may have been done, or not."""


class Client:
    """One connection, made anew whenever the server was."""

    def __init__(self, server):
        self.server, self.port, self.connection = server, 0, None

    def request(self, method, target, body=None, headers=None):
        headers = {"Content-Type": "application/json", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            if self.port != self.server.port:
                self.close()
                self.port = self.server.port
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            self.connection.request(method, target, body, headers)
            return Answer(self.connection.getresponse())
        except TimeoutError:
            raise Broken(f"{method} {target}: no answer after {PATIENCE} s") from None
        except (OSError, http.client.HTTPException):
            self.close()
            raise Gone from None

    def close(self):
        if self.connection:
            with contextlib.suppress(OSError):
                self.connection.close()
        self.connection, self.port = None, 0
