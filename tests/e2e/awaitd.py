"""A server to test, and a client that holds every answer against openapi.yaml.

    with awaitd.Server() as server:
        task = server.run({"op": "value", "value": 42})

The binary is build/asan/awaitd, or what AWAITD_BIN (or AWAITD) names. A server that is stopped must
end with status 0 and without a report of a sanitizer.
"""

import atexit
import contextlib
import functools
import http.client
import io
import itertools
import json
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import jsonschema
import jsonschema.validators
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("AWAITD_BIN") or os.environ.get("AWAITD") or str(ROOT / "build/asan/awaitd")
PATIENCE = 60  # seconds after which something that must happen has not happened
REPORTS = ("Sanitizer", "runtime error:", "awaitd: bug:")


# ---- the contract ----


def follow_discriminator(validator, branches, instance, schema):
    """oneOf; with a discriminator only the branch that it names is looked at, so that the faults are those
    of the op that was meant, and the work does not double with every level of a tree."""
    if "discriminator" not in schema:
        yield from jsonschema.Draft202012Validator.VALIDATORS["oneOf"](validator, branches, instance, schema)
        return
    mapping = schema["discriminator"]["mapping"]
    if not isinstance(instance, dict):
        return  # "type" says so
    op = instance.get(schema["discriminator"]["propertyName"])
    if not isinstance(op, str) or op not in mapping:
        yield jsonschema.ValidationError(f"unknown op {op!r}")
        return
    yield from validator.descend(instance, {"$ref": mapping[op]})


def refuse_undocumented(validator, properties, instance, schema):
    """In an answer a member that the contract does not know is a fault, although clients must bear it."""
    yield from jsonschema.Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, schema)
    if schema.get("type") == "object" and "additionalProperties" not in schema and isinstance(instance, dict):
        for name in instance.keys() - properties.keys():
            yield jsonschema.ValidationError(f"member {name!r} is not documented")


class Contract:
    Request = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"oneOf": follow_discriminator})
    Response = jsonschema.validators.extend(Request, {"properties": refuse_undocumented})

    def __init__(self, path=ROOT / "openapi.yaml"):
        self.text = path.read_bytes()
        self.document = yaml.load(self.text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.resolver = jsonschema.RefResolver.from_schema(self.document)
        self.schemas = self.document["components"]["schemas"]
        self.held = set()
        self.templates = []
        for template, item in self.document["paths"].items():
            pattern = re.sub(r"\\\{[^}]*\\\}|\{[^}]*\}", "[^/]+", re.escape(template))
            self.templates.append((re.compile(pattern), template, item))

    def resolve(self, thing):
        return self.resolver.resolve(thing["$ref"])[1] if "$ref" in thing else thing

    def faults(self, schema, instance, kind=None):
        """What is wrong with the instance, as texts; `schema` is a name or a schema."""
        if isinstance(schema, str):
            schema = {"$ref": "#/components/schemas/" + schema}
        validator = (kind or self.Request)(schema, resolver=self.resolver)
        return ["/".join(["", *map(str, fault.absolute_path)]) + ": " + fault.message
                for fault in validator.iter_errors(instance)]

    def path_item(self, target):
        path = urllib.parse.urlsplit(target).path
        return next((item for pattern, _, item in self.templates if pattern.fullmatch(path)), None)

    def methods(self, target):
        item = self.path_item(target) or {}
        return {m.upper() for m in item if m in ("get", "put", "post", "delete", "patch", "head", "options")}

    def response(self, method, target, status):
        """The documented response; AssertionError when there is none."""
        item = self.path_item(target)
        if item is None:
            allowed = {404: "NotFound", 400: "Unacceptable", 403: "Forbidden"}
        elif method.lower() not in item:
            allowed = {405: "MethodNotAllowed", 400: "Unacceptable", 403: "Forbidden"}
        else:
            responses = item[method.lower()]["responses"]
            assert str(status) in responses, f"{method} {target}: status {status} is not documented"
            return self.resolve(responses[str(status)])
        assert status in allowed, f"{method} {target}: status {status}, not one of {sorted(allowed)}"
        return self.document["components"]["responses"][allowed[status]]

    def hold(self, method, target, answer):
        """Raises AssertionError where the answer is not what the contract says."""
        what = f"{method} {target}: {answer.status}"
        if method == "OPTIONS" and answer.status == 204:
            assert "Allow" in answer.headers, what
            return
        head = method == "HEAD"
        response = self.response("GET" if head else method, target, answer.status)
        for name, header in response.get("headers", {}).items():
            header, value = self.resolve(header), answer.headers.get(name)
            assert value is not None or not header.get("required"), f"{what}: no header {name}"
            if value is not None:
                if header["schema"].get("type") == "integer":
                    value = int(value)
                faults = self.faults(header["schema"], value)
                assert not faults, f"{what}: header {name}: {faults}"
        assert len(answer.headers.get_all("Content-Type") or []) <= 1, f"{what}: Content-Type twice"
        if "content" not in response or head:
            assert answer.body == b"", f"{what}: has a body: {answer.body[:200]!r}"
            return
        kind = (answer.headers.get("Content-Type") or "").partition(";")[0]
        assert kind in response["content"], f"{what}: content type {kind!r} is not documented"
        if kind == "application/x-ndjson":
            assert answer.body.endswith(b"\n") or not answer.body, f"{what}: the last line has no end"
            for line in answer.body.splitlines():
                self.hold_body(what, response["content"][kind]["schema"], line)
            return
        assert answer.body.endswith(b"\n"), f"{what}: the body does not end with a newline: {answer.body[-40:]!r}"
        if kind.endswith("json"):
            self.hold_body(what, response["content"][kind]["schema"], answer.body)
            if kind == "application/problem+json":
                assert answer.json["status"] == answer.status, f"{what}: says status {answer.json['status']}"

    def hold_body(self, what, schema, body):
        key = schema["$ref"], body
        if key not in self.held:
            faults = self.faults(schema, strict_json(body), self.Response)
            assert not faults, f"{what}: {faults}\n{body[:2000]!r}"
            if len(body) < 10000:
                self.held.add(key)


@functools.lru_cache(None)
def contract():
    return Contract()


def strict_json(body):
    def unique(pairs):
        assert len(dict(pairs)) == len(pairs), f"duplicate key in {body[:200]!r}"
        return dict(pairs)

    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    return json.loads(body.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)


# ---- answers ----


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.closes = response.will_close

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Recording(io.BytesIO):
    """What came over a connection, to be read as a row of answers."""

    def makefile(self, mode):
        return self

    def close(self):
        pass


def read_answers(data, method="GET"):
    stream, answers = Recording(data), []
    while stream.tell() < len(data):
        response = http.client.HTTPResponse(stream, method=method)
        response.begin()
        answers.append(Answer(response))
    return answers


def receive(connection, method="GET"):
    """One answer from a socket."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return Answer(response)


# ---- the server ----

LIVE = set()


@atexit.register
def kill_what_is_left():
    for process in LIVE:
        process.kill()


def raise_file_limit():
    """A thousand clients and their server need some descriptors; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


raise_file_limit()


def until(condition, what):
    """Where there is no event to wait for: looks again and again, for as long as there is patience."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.02)


class Server:
    def __init__(self, *options, db=None, env=None):
        self.folder = tempfile.mkdtemp(prefix="awaitd-e2e-")
        self.db = db or os.path.join(self.folder, "awaitd.db")
        self.options = options
        self.env = env or {}
        self.process = None
        self.starts = 0
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
        finally:
            self.close()

    def command(self, *options):
        return [BINARY, "serve", "--listen", "127.0.0.1:0", "--db", self.db, *options]

    @staticmethod
    def environment(extra=None):
        """Ours without what would configure the server, which may be killed as often as a test likes."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWAITD")}
        return {**env, "AWAITD_CRASH_LOOP": "0", "AWAITD_QUARANTINE": "0", **(extra or {})}

    def launch(self):
        """Starts it, and does not wait."""
        self.starts += 1
        self.stderr_path = os.path.join(self.folder, f"stderr.{self.starts}")
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(
                self.command(*self.options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
                env=self.environment(self.env))
        LIVE.add(self.process)

    def start(self):
        """Starts it, and waits until it says that it is ready."""
        self.launch()
        line = self.first_line()
        match = re.fullmatch(rb"listening on http://[\d.]+:(\d+)\n", line)
        if not match:
            self.kill()
            raise AssertionError(f"said {line!r} instead of where it listens; stderr:\n{self.stderr()}")
        self.port = int(match[1])

    def first_line(self):
        line, end = b"", time.monotonic() + PATIENCE
        fd = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
                break
            byte = os.read(fd, 1)
            if not byte:
                break
            line += byte
        return line

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        return pathlib.Path(self.stderr_path).read_text(errors="replace")

    def ended(self, timeout=PATIENCE):
        """Waits for its end; the status. Raises where a sanitizer has spoken."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still there after {timeout} s; stderr:\n{self.stderr()}") from None
        LIVE.discard(self.process)
        self.process.stdout.close()
        stderr = self.stderr()
        assert not any(word in stderr for word in REPORTS), stderr
        return status

    def stop(self):
        """SIGTERM; it must end with status 0. Seconds that it took."""
        before = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.ended()
        assert status == 0, f"ended with status {status}; stderr:\n{self.stderr()}"
        return time.monotonic() - before

    def kill(self):
        self.process.kill()
        self.process.wait()
        LIVE.discard(self.process)
        self.process.stdout.close()
        stderr = self.stderr()
        assert not any(word in stderr for word in REPORTS), stderr

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        """Leaves nothing behind, whatever has happened before."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        LIVE.discard(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- talking to it ----

    def open_http(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def connect(self):
        """A raw connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def request(self, method, target, body=None, headers=None, connection=None):
        """One request, its answer held against the contract. A body that is not bytes is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        elif method == "POST":
            headers.setdefault("Content-Length", "0")
        own = connection is None
        connection = connection or self.open_http()
        try:
            connection.request(method, target, body, {k: v for k, v in headers.items() if v is not None})
            answer = Answer(connection.getresponse())
        finally:
            if own:
                connection.close()
        contract().hold(method, target, answer)
        return answer

    def raw(self, data):
        """Sends the bytes and reads until the server closes the connection; AssertionError if it does not."""
        with self.connect() as connection:
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has seen enough
            received = b""
            while True:
                try:
                    piece = connection.recv(65536)
                except ConnectionResetError:
                    return received
                except socket.timeout:
                    raise AssertionError(f"the connection stays open after {received!r}") from None
                if not piece:
                    return received
                received += piece

    def get(self, target, **headers):
        return self.request("GET", target, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, target, body=None, **headers):
        return self.request("POST", target, body, {k.replace("_", "-"): v for k, v in headers.items()})

    def put(self, target, body=None, **headers):
        return self.request("PUT", target, body, {k.replace("_", "-"): v for k, v in headers.items()})

    def delete(self, target):
        return self.request("DELETE", target)

    # ---- definitions and loops ----

    def define(self, name, body, parameters=None, **fields):
        """Puts a definition; what the server answers."""
        if parameters is not None:
            fields["parameters"] = parameters
        answer = self.put(f"/v1/coroutines/{name}", {"body": body, **fields})
        assert answer.status in (200, 201), answer
        return answer.json

    def open_loop(self, name, **fields):
        answer = self.post("/v1/loops", {"name": name, **fields})
        assert answer.status == 201, answer
        assert answer.headers["Location"] == "/v1/loops/" + name
        return answer.json

    # ---- tasks ----

    def submit(self, spec, **fields):
        """Submits without waiting; the task."""
        answer = self.post("/v1/tasks", {"spec": spec, **fields})
        assert answer.status == 202, answer
        assert answer.headers["Location"] == "/v1/tasks/" + answer.json["id"]
        return answer.json

    def run(self, spec, **fields):
        """Submits and waits for the end; the task."""
        answer = self.post("/v1/tasks", {"spec": spec, **fields}, Prefer=f"wait={PATIENCE}")
        assert answer.status == 200, answer
        assert answer.json["done"], answer
        return answer.json

    def task(self, id):
        answer = self.get(f"/v1/tasks/{id}")
        assert answer.status == 200, answer
        return answer.json

    def wait(self, id):
        """Waits for a task's end; the task."""
        answer = self.get(f"/v1/tasks/{id}?wait={PATIENCE}")
        assert answer.status == 200 and answer.json["done"], answer
        return answer.json

    def cancel(self, id, message=None):
        return self.post(f"/v1/tasks/{id}/cancel", {"message": message} if message is not None else None)

    def log(self, id):
        """All lines of a task's log."""
        answer = self.get(f"/v1/tasks/{id}/log?limit=1000")
        assert answer.status == 200, answer
        return answer.json["lines"]

    def messages(self, id):
        return [line["message"] for line in self.log(id) if line["stream"] == "log"]

    def tree(self, id):
        answer = self.get(f"/v1/tasks/{id}/tree")
        assert answer.status == 200, answer
        return answer.json

    def pages(self, query="", kind="tasks"):
        """All pages of the list, as lists of tasks or definitions."""
        target = f"/v1/{kind}?{query}"
        while target:
            answer = self.get(target)
            assert answer.status == 200, answer
            page = answer.json
            yield page[kind]
            link = answer.headers.get("Link")
            assert (link is None) == (page["next"] is None), (link, page["next"])
            target = link and re.match("<([^>]*)>", link)[1]

    def list(self, query=""):
        return [task for page in self.pages(query) for task in page]


def at_once(count, act):
    """Calls act(number) in so many threads that begin together; the results."""
    barrier, results, failures = threading.Barrier(count), [None] * count, []

    def run(number):
        try:
            barrier.wait()
            results[number] = act(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


class Fifo:
    """A named pipe for jobs to speak through: what they say comes in at once, and the end of the last process that
    has it open is its end."""

    numbers = itertools.count()

    def __init__(self, test):
        self.path = os.path.join(test.server.folder, f"fifo-{next(self.numbers)}")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.pid = None
        test.addCleanup(os.close, self.fd)
        test.addCleanup(self.end)
        self.test = test

    def say(self, word):
        return f"echo '{word}' >'{self.path}'"

    def hold(self, word):
        """Says it and who it is, and has the pipe open from then on as descriptor 9, which children inherit."""
        return f"exec 9>'{self.path}'; echo '{word}' $$ >&9"

    def read(self):
        ready, _, _ = select.select([self.fd], [], [], PATIENCE)
        self.test.assertTrue(ready, "nothing came through the pipe")
        return os.read(self.fd, 1000).decode()

    def expect(self, word):
        """Waits for the word of a process; one that holds the pipe is the leader of its group."""
        said, *pid = self.read().split()
        self.test.assertEqual(said, word)
        if pid:
            self.pid = int(pid[0])

    def expect_end(self):
        """Waits until no process has it open any more."""
        self.test.assertEqual(self.read(), "", "said something more")
        self.pid = None

    def end(self):
        """Ends the processes that are left when the server was killed."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.pid = None
