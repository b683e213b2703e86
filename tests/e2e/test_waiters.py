"""Many who wait, those who leave, the end of the server, and what it refuses to start with."""

import contextlib
import os
import subprocess
import tempfile
import time
import unittest

import awaitd

FOREVER = {"op": "sleep", "seconds": 3600}
CLIENTS = 1000


class Waiters(unittest.TestCase):
    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def open_waits(self, id, number):
        """Connections that wait for the task. The server has looked at their requests by the time when it answers
        one that came after them."""
        connections = []
        for _ in range(number):
            connection = self.server.connect()
            self.addCleanup(connection.close)
            connection.sendall(f"GET /v1/tasks/{id}?wait=600 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connections.append(connection)
        awaitd.until(lambda: self.descriptors() >= number, "the server has accepted all connections")
        for _ in range(3):
            self.server.get("/healthz")
        return connections

    def answers(self, id, connections):
        answers = [awaitd.receive(connection) for connection in connections]
        for answer in answers:
            awaitd.contract().hold("GET", f"/v1/tasks/{id}", answer)
        return answers

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def level(self):
        """The descriptors that it has when nobody is there, and two for a connection that is just being closed."""
        self.server.list()
        self.server.get("/healthz")
        return self.descriptors() + 2

    def test_a_thousand_on_one_task(self):
        id = self.server.submit(FOREVER)["id"]
        connections = self.open_waits(id, CLIENTS)
        self.assertEqual(self.server.get("/healthz").status, 200)
        self.server.cancel(id, "enough")
        answers = self.answers(id, connections)
        self.assertEqual(len(answers), CLIENTS)
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual({answer.body for answer in answers}, {self.server.get(f"/v1/tasks/{id}").body})
        self.assertEqual(answers[0].json["state"], "cancelled")
        self.server.stop()

    def test_those_who_leave(self):
        """Their descriptors come back while the task still runs, and the others are answered."""
        id = self.server.submit(FOREVER)["id"]
        before = self.level()
        for leave in self.close, self.reset, self.half_close:
            with self.subTest(leave.__name__):
                stays = self.open_waits(id, 5)
                leaves = self.open_waits(id, 200)
                for connection in leaves:
                    leave(connection)
                awaitd.until(lambda: self.descriptors() <= before + len(stays), "the descriptors of those who left are closed")
                self.assertFalse(self.server.task(id)["done"])
                for connection in stays:
                    connection.close()
                awaitd.until(lambda: self.descriptors() <= before, "all descriptors are closed")
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.server.stop()

    def close(self, connection):
        connection.close()

    def reset(self, connection):
        connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SOL_SOCKET, SO_LINGER: on, 0 seconds
        connection.close()

    def half_close(self, connection):
        connection.shutdown(1)  # SHUT_WR: says that it will send no more; the server may take that for leaving

    def test_those_who_leave_during_a_submission(self):
        before = self.level()
        body = b'{"spec":{"op":"sleep","seconds":3600}}'
        connections = []
        for _ in range(50):
            connection = self.server.connect()
            connection.sendall(b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=600\r\n"
                               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            connections.append(connection)
        awaitd.until(lambda: len(self.server.list("state=running")) == 50, "all of them run")
        for connection in connections:
            connection.close()
        awaitd.until(lambda: self.descriptors() <= before, "the descriptors of those who left are closed")
        self.assertEqual(len(self.server.list("state=running")), 50)
        self.server.stop()

    def test_drain_answers_all(self):
        id = self.server.submit(FOREVER)["id"]
        connections = self.open_waits(id, 100)
        self.assertLess(self.server.stop(), 9)
        answers = self.answers(id, connections)
        self.assertEqual(len(answers), 100)
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual({answer.json["done"] for answer in answers}, {False})
        self.server.start()
        self.assertEqual(self.server.task(id)["id"], id)
        self.server.stop()

    def test_drain_answers_submissions_that_wait(self):
        body = b'{"spec":{"op":"sleep","seconds":3600}}'
        connections = [self.server.connect() for _ in range(20)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.sendall(b"POST /v1/tasks?wait=600 HTTP/1.1\r\nHost: localhost\r\n"
                               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        awaitd.until(lambda: len(self.server.list("state=running")) == 20, "all of them run")
        self.assertLess(self.server.stop(), 9)
        answers = [awaitd.receive(connection) for connection in connections]
        self.assertEqual({answer.status for answer in answers}, {202})
        self.server.start()
        self.assertEqual(sorted(task["id"] for task in self.server.list()), sorted(answer.json["id"] for answer in answers))
        self.server.stop()

    def test_idle_connections_do_not_hold_up_the_end(self):
        connections = [self.server.connect() for _ in range(20)]
        for connection in connections[:10]:
            connection.sendall(b"GET /healthz HT")
        for connection in connections:
            self.addCleanup(connection.close)
        self.server.get("/healthz")
        self.assertLess(self.server.stop(), 9)

    def begin_drain(self):
        """SIGTERM while a process runs that does not want to end. The ids of its task and of one that has ended."""
        fifo = awaitd.Fifo(self)
        ended = self.server.run({"op": "value", "value": 1})["id"]
        runs = self.server.submit({"op": "subprocess", "shell": f"trap '' TERM; {fifo.hold('started')}; sleep 3600"})["id"]
        fifo.expect("started")
        self.server.process.terminate()
        awaitd.until(lambda: self.server.get("/readyz").status == 503, "the signal has arrived")
        return runs, ended

    def test_what_a_server_says_that_is_shutting_down(self):
        runs, ended = self.begin_drain()
        self.assertEqual(self.server.get("/healthz").json["status"], "draining")
        refused = self.server.post("/v1/tasks", {"spec": {"op": "value", "value": 1}})
        self.assertEqual(refused.status, 503)
        self.assertEqual(refused.headers["Connection"].lower(), "close")
        self.assertEqual(self.server.cancel(runs).status, 503)
        self.assertEqual(self.server.task(ended)["state"], "succeeded")
        self.assertEqual(self.server.get(f"/v1/tasks/{runs}?wait=600").json["state"], "running")
        self.assertEqual(self.server.get(f"/v1/tasks/{ended}/tree").status, 200)
        self.assertEqual(len(self.server.list()), 2)
        self.server.process.terminate()
        self.server.ended()

    def test_second_signal_ends_at_once(self):
        self.begin_drain()
        before = time.monotonic()
        self.server.process.terminate()
        self.assertEqual(self.server.ended(), 128 + 15)
        self.assertLess(time.monotonic() - before, 3)


class Starting(unittest.TestCase):
    def refuse(self, *words, env=None):
        """Starts it with these words; its end."""
        done = subprocess.run([awaitd.BINARY, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=awaitd.PATIENCE, env=awaitd.Server.environment(env))
        self.assertFalse(any(word in done.stderr for word in awaitd.REPORTS), done.stderr)
        return done

    def assert_refused(self, status, said, *words, env=None):
        done = self.refuse(*words, env=env)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertRegex(done.stderr, said)

    def test_bad_options(self):
        for words, said in ((("--lisen", "127.0.0.1:0"), "--listen"),
                            (("--nothing-like-it",), "nothing-like-it"),
                            (("--db",), "--db"),
                            (("--max-body", "much"), "--max-body.*much"),
                            (("--max-body", "0"), "--max-body"),
                            (("--max-open-tasks", "-1"), "--max-open-tasks"),
                            (("--log-format", "xml"), "--log-format.*xml"),
                            (("--listen", ""), "--listen"),
                            (("--listen", "nonsense"), "nonsense"),
                            (("--listen", "127.0.0.1:65536"), "65536"),
                            (("swim",), "swim"),
                            (("serve", "now"), "now"),
                            (("--help=yes",), "--help")):
            with self.subTest(str(words)):
                self.assert_refused(64, said, *words)

    def test_bad_environment(self):
        self.assert_refused(64, "AWAITD_MAX_BODY.*much", env={"AWAITD_MAX_BODY": "much"})

    def test_bad_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("# options\nmax-body = 1MiB\nmax-bodi = 2MiB\n")
            file.flush()
            self.assert_refused(64, ":3.*max-body", "--config", file.name)

    def test_help_and_version(self):
        done = self.refuse("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--max-open-tasks", done.stdout)
        done = self.refuse("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"\d+\.\d+\.\d+")

    def test_environment_and_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("max-body = 1kiB\nmax-result = 10\n")
            file.flush()
            with awaitd.Server("--config", file.name, env={"AWAITD_MAX_BODY": "2kiB"}) as server:
                self.assertEqual(server.post("/v1/tasks", b" " * 2049).status, 413)
                self.assertEqual(server.post("/v1/tasks", b" " * 2048).status, 400)
                task = server.run({"op": "gather", "tasks": [{"op": "value", "value": "12345"}] * 2})
                self.assertEqual(task["state"], "failed", task)

    def test_second_server_on_the_same_database(self):
        with awaitd.Server() as server:
            done = self.refuse("serve", "--listen", "127.0.0.1:0", "--db", server.db)
            self.assertEqual((done.returncode, done.stdout), (73, ""), done)
            self.assertRegex(done.stderr, rf"\b{server.pid}\b")
            self.assertEqual(server.get("/healthz").status, 200)

    def test_port_that_is_taken(self):
        with awaitd.Server() as server, tempfile.TemporaryDirectory() as folder:
            done = self.refuse("--listen", f"127.0.0.1:{server.port}", "--db", os.path.join(folder, "db"))
            self.assertIn(done.returncode, (69, 71), done)  # EX_UNAVAILABLE, EX_OSERR
            self.assertIn(str(server.port), done.stderr)

    def test_database_that_is_none(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "letter.txt")
            text = b"Dear database,\n" * 1000
            with open(path, "wb") as file:
                file.write(text)
            done = self.refuse("--listen", "127.0.0.1:0", "--db", path)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("letter.txt", done.stderr)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), text)

    def test_database_in_no_folder(self):
        done = self.refuse("--listen", "127.0.0.1:0", "--db", "/nonexistent/folder/db")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/nonexistent/folder/db", done.stderr)

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            process = subprocess.Popen([awaitd.BINARY, "--listen", "unix:" + path, "--db", ":memory:"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            awaitd.LIVE.add(process)
            try:
                self.assertIn(path, process.stdout.readline())
                done = subprocess.run(["curl", "-sS", "--unix-socket", path, "http://any.name/healthz"],
                                      capture_output=True, text=True, timeout=awaitd.PATIENCE)
                self.assertIn("memory", done.stdout, done)
                process.terminate()
                _, stderr = process.communicate(timeout=awaitd.PATIENCE)
                self.assertEqual(process.returncode, 0, stderr)
                self.assertFalse(os.path.exists(path))
            finally:
                process.kill()
                awaitd.LIVE.discard(process)


class Limits(unittest.TestCase):
    def test_open_tasks(self):
        with awaitd.Server("--max-open-tasks", "3") as server:
            ids = [server.submit(FOREVER)["id"] for _ in range(3)]
            answer = server.post("/v1/tasks", {"spec": FOREVER})
            self.assertEqual(answer.status, 503, answer)
            server.cancel(ids[0])
            server.wait(ids[0])
            server.submit(FOREVER)

    def test_body(self):
        with awaitd.Server("--max-body", "100") as server:
            id = server.submit(FOREVER)["id"]
            self.assertEqual(server.cancel(id, "x" * 100).status, 413)
            body = b'{"spec":{"op":"value","value":1}}'
            for size, status in (100, 202), (101, 413):
                for headers in {}, {"Transfer-Encoding": "chunked"}:
                    with self.subTest(str((size, headers))):
                        padded = body.ljust(size)
                        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (size, padded) if headers else padded
                        received = server.raw(b"".join([
                            b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
                            b"Content-Type: application/json\r\n",
                            b"Transfer-Encoding: chunked\r\n" if headers else b"Content-Length: %d\r\n" % size,
                            b"\r\n", sent]))
                        self.assertEqual([answer.status for answer in awaitd.read_answers(received)], [status])

    def test_result(self):
        with awaitd.Server("--max-result", "1000") as server:
            for size, state in (998, "succeeded"), (999, "failed"):
                task = server.run({"op": "value", "value": "x" * size})
                self.assertEqual(task["state"], state)
            task = server.run({"op": "subprocess", "shell": "head -c 2000 /dev/zero | tr '\\0' x"})
            self.assertEqual(task["state"], "failed")


class DiskFull(unittest.TestCase):
    """On a file system of its own, which only root can make."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="awaitd-e2e-disk-")
        self.addCleanup(os.rmdir, self.folder)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.folder], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a tmpfs: " + mounted.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", self.folder], check=True)
        self.server = awaitd.Server(db=os.path.join(self.folder, "awaitd.db"))
        self.addCleanup(self.server.close)

    def fill(self):
        """And nothing is left of the room that is kept for what runs; test_disk.py has that."""
        os.unlink(self.server.db + ".reserve")
        path = os.path.join(self.folder, "filler")
        with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        return path

    def test_full_and_free_again(self):
        ends = self.server.submit({"op": "sleep", "seconds": 0.5, "result": "x" * 50_000})["id"]
        runs = self.server.submit(FOREVER)["id"]
        filler = self.fill()
        large = {"spec": {"op": "value", "value": "x" * 50_000}, "name": "refused"}
        refused = awaitd.until(lambda: self.refused(large), "a submission is refused")
        self.assertEqual(refused.status, 507)
        self.assertEqual(self.server.get("/healthz").status, 200)
        waits = {"spec": {"op": "sequence", "steps": [large["spec"], {"op": "sleep", "seconds": 9}]}, "name": "refused"}
        for wait in [0.001, 0.002, 0.005, 9] * 10:  # refused in a wait, also while its time runs out
            self.assertEqual(self.server.post(f"/v1/tasks?wait={wait}", waits).status, 507)
        self.assertFalse(self.server.task(runs)["done"])
        over = self.server.get(f"/v1/tasks/{ends}?wait=1").json
        self.assertFalse(over["done"], "it says that it has ended, and this is on no disk")
        self.assertEqual(self.server.cancel(runs, "x" * 1000).status, 507)
        self.assertIsNone(self.server.task(runs)["cancel_requested_at"])
        os.unlink(filler)
        self.assertEqual(self.server.wait(ends)["result"], "x" * 50_000)
        task = self.server.run({"op": "value", "value": "again"}, name="taken")
        self.assertEqual(task["result"], "again")
        self.assertEqual(self.server.list("name=refused"), [])
        self.assertEqual(self.server.cancel(runs).status, 202)
        self.assertEqual(self.server.wait(runs)["state"], "cancelled")
        self.server.restart()
        self.assertEqual(self.server.task(ends)["state"], "succeeded")
        self.server.stop()

    def refused(self, body):
        """The first ones may still find a gap."""
        answer = self.server.post("/v1/tasks", {**body, "name": "gap"})
        if answer.status == 202:
            return None
        self.assertEqual(answer.status, 507)
        return self.server.post("/v1/tasks", body)


if __name__ == "__main__":
    unittest.main()
