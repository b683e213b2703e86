"""Processes that talk while they run: what they print, what they are fed, and signals."""

import contextlib
import hashlib
import json
import os
import signal
import sys
import textwrap
import time
import unittest

from test_log_follow import Gate, Stream
from test_tasks import FOREVER, WithServer, argv, gather, sequence, shell

import awaitd


class WithStreams(WithServer):
    def follow(self, id, query=""):
        stream = Stream(self.server, id, query)
        self.addCleanup(stream.close)
        return stream

    def feed(self, id, data=b"", query="", **headers):
        headers.setdefault("Content_Type", "application/octet-stream")
        return self.server.post(f"/v1/tasks/{id}/stdin{query}", data, **headers)

    def assert_fed(self, answer, written, closed=False):
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json, {"written": written, "closed": closed})

    def assert_refused(self, answer, status, text):
        self.assertEqual(answer.status, status, answer)
        self.assertIn(text, answer.json["detail"])

    def start(self, *specs):
        """Submits them side by side, each of which prints `ready` first, and waits until they have; the task's id and
        its log behind that."""
        id = self.server.submit(gather(*specs))["id"]
        stream = self.follow(id)
        for _ in specs:
            self.assertEqual(stream.message(), "ready")
        return id, stream

    def end(self, id):
        self.server.cancel(id)
        return self.server.wait(id)


def python(program, **fields):
    return argv(sys.executable, "-c", "import os, signal\n" + textwrap.dedent(program), **fields)


def cat(**fields):
    return shell("echo ready; exec cat", stdin_from="client", **fields)


class Printing(WithStreams):
    def lines(self, spec):
        task = self.run_job(spec)
        return [(line["stream"], line["message"]) for line in self.server.log(task["id"])]

    def test_lines_come_while_it_runs(self):
        gate = Gate(self)
        id = self.server.submit(sequence(shell(f"echo one; echo two >&2; read x <'{gate.path}'; echo three")))["id"]
        stream = self.follow(id)
        lines = sorted([stream.next(), stream.next()], key=lambda line: line["stream"], reverse=True)
        self.assertEqual([(line["stream"], line["level"], line["path"], line["message"]) for line in lines],
                         [("stdout", "info", "/steps/0", "one"), ("stderr", "info", "/steps/0", "two")])
        gate.open()
        self.assertEqual(stream.rest(), ["three"])
        self.assertEqual(self.server.task(id)["result"]["stdout"], "one\nthree\n")

    def test_order_and_ends(self):
        self.assertEqual(self.lines(shell(r"printf 'one\r\ntwo\n\nno end'")),
                         [("stdout", text) for text in ("one", "two", "", "no end")])

    def test_nothing(self):
        self.assertEqual(self.lines(argv("true")), [])

    def test_what_is_no_text(self):
        self.assertEqual(self.lines(shell(r"printf 'caf\351\na\000b\n'")),
                         [("stdout", "caf\ufffd"), ("stdout", "a\ufffdb")])

    def test_a_character_that_comes_in_two_pieces(self):
        gate = Gate(self)
        id = self.server.submit(shell(rf"echo ready; printf '\303'; read x <'{gate.path}'; printf '\261\n'"))["id"]
        stream = self.follow(id)
        self.assertEqual(stream.message(), "ready")
        gate.open()
        self.assertEqual(stream.rest(), ["ñ"])

    def test_long_lines_come_in_parts(self):
        lines = self.lines(shell("head -c 20000 /dev/zero | tr '\\0' x; echo; echo next"))
        self.assertEqual([len(text) for _, text in lines], [8192, 8192, 20000 - 2 * 8192, 4])
        self.assertEqual(lines[-1], ("stdout", "next"))

    def test_at_most_so_many_lines(self):
        task = self.run_job(shell("seq 20000; echo still here >&2", max_output=1 << 20))
        self.assertTrue(task["result"]["stdout"].endswith("\n20000\n"))
        answer = self.server.get(f"/v1/tasks/{task['id']}/log?follow=1")
        lines = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual(len(lines), 10001)
        self.assertEqual([line["message"] for line in lines if line["stream"] == "stdout"],
                         list(map(str, range(1, 1 + sum(line["stream"] == "stdout" for line in lines)))))
        self.assertEqual(lines[-1]["stream"], "awaitd")
        self.assertIn("in its result only", lines[-1]["message"])

    def test_at_most_so_many_bytes(self):
        task = self.run_job(shell("yes xxxxxxxxx | head -n 9999; head -c 2000000 /dev/zero | tr '\\0' x",
                                  max_output=16 << 20))
        answer = self.server.get(f"/v1/tasks/{task['id']}/log?follow=1")
        lines = [json.loads(line) for line in answer.body.splitlines()]
        self.assertLessEqual(sum(len(line["message"]) for line in lines if line["stream"] == "stdout"), 1 << 20)
        self.assertEqual([line["stream"] for line in lines].count("awaitd"), 1)

    def test_of_a_definition(self):
        self.server.define("talk", shell("echo hi"))
        task = self.run_job({"op": "call", "coroutine": "talk"})
        self.assertEqual([line["path"] for line in self.server.log(task["id"])], ["/coroutines/talk/body"])

    def test_also_of_one_that_is_killed(self):
        id, stream = self.start(shell("echo ready; echo half; printf 'no end'; sleep 3600"))
        self.assertEqual(stream.message(), "half")
        self.end(id)
        self.assertEqual(stream.rest(), ["no end"])


class Feeding(WithStreams):
    def test_what_is_written_is_read(self):
        id, stream = self.start(cat())
        self.assert_fed(self.feed(id, b"one\n"), 4)
        self.assertEqual(stream.message(), "one")
        self.assert_fed(self.feed(id, b"two\nthree"), 9)
        self.assertEqual(stream.message(), "two")
        self.assert_fed(self.feed(id, b"!\n", "?close=1"), 2, True)
        self.assertEqual(stream.rest(), ["three!"])
        self.assertEqual(self.server.wait(id)["result"][0]["stdout"], "ready\none\ntwo\nthree!\n")

    def test_behind_its_own_input(self):
        id, stream = self.start(cat(stdin="own\n"))
        self.assertEqual(stream.message(), "own")
        self.assert_fed(self.feed(id, b"more\n", "?close=1"), 5, True)
        self.assertEqual(stream.rest(), ["more"])

    def test_nothing_but_the_end(self):
        id, stream = self.start(cat())
        self.assert_fed(self.feed(id), 0)
        self.assert_fed(self.feed(id, query="?close=0"), 0)
        self.assert_fed(self.feed(id, query="?close=1"), 0, True)
        self.assertEqual(stream.rest(), [])

    def test_any_content_type(self):
        id, stream = self.start(cat())
        for kind in "text/plain", "image/png", "application/json", None:
            self.assert_fed(self.feed(id, b"{x\n", Content_Type=kind), 3)
            self.assertEqual(stream.message(), "{x")
        self.end(id)

    def test_any_bytes(self):
        data = bytes(range(256)) * 1000
        id, _ = self.start(shell("echo ready; exec md5sum", stdin_from="client"))
        self.assert_fed(self.feed(id, data, "?close=1"), len(data), True)
        self.assertEqual(self.server.wait(id)["result"][0]["stdout"].split()[1], hashlib.md5(data).hexdigest())

    def test_by_name(self):
        id, stream = self.start(cat(name="a"), cat(name="b c"))
        self.assert_refused(self.feed(id, b"x"), 409, "several")
        self.assert_fed(self.feed(id, b"for b\n", "?name=b%20c"), 6)
        self.assertEqual(stream.message(), "for b")
        self.assert_fed(self.feed(id, b"for a\n", "?name=a&close=1"), 6, True)
        self.assertEqual(stream.message(), "for a")
        self.assert_refused(self.feed(id, b"x", "?name=a"), 409, "")
        self.assert_fed(self.feed(id, b"only b\n"), 7)  # a comes into question no more
        self.assertEqual(stream.message(), "only b")
        self.assert_refused(self.feed(id, b"x", "?name=nobody"), 404, "nobody")
        self.end(id)

    def test_refusals(self):
        gate = Gate(self)
        id = self.server.submit(sequence(gate.step, {**FOREVER, "name": "nap"}, {**cat(), "name": "later"}))["id"]
        self.assert_refused(self.feed(id, b"x", "?name=later"), 409, "does not run")
        self.assert_refused(self.feed(id, b"x", "?name=nap"), 404, "nap")
        self.assert_refused(self.feed(id, b"x", "?close=2"), 422, "close")
        self.assert_refused(self.feed(id, b"x", "?nam=later"), 400, "name")
        self.assert_refused(self.feed("01980e5a-6f2b-7c3d-9e4f-0123456789ab", b"x"), 404, "")
        self.end(id)
        self.assert_refused(self.feed(id, b"x"), 409, "ended")
        self.assert_refused(self.feed(id), 409, "ended")

    def test_one_that_is_not_to_be_fed(self):
        id, _ = self.start(shell("echo ready; sleep 3600"))
        self.assert_refused(self.feed(id, b"x"), 409, "stdin_from")
        self.assert_refused(self.feed(id), 409, "stdin_from")
        self.end(id)

    def test_one_whose_input_is_closed(self):
        id, _ = self.start(shell("echo ready; cat >/dev/null; sleep 3600", stdin_from="client"))
        self.assert_fed(self.feed(id, b"x", "?close=1"), 1, True)
        self.assert_refused(self.feed(id, b"x"), 409, "closed")
        self.assert_refused(self.feed(id, query="?close=1"), 409, "closed")
        self.end(id)

    def test_one_that_has_closed_its_input_itself(self):
        id, _ = self.start(shell("exec <&-; echo ready; sleep 3600", stdin_from="client"))
        self.assert_refused(self.feed(id, b"x" * 100000), 409, "closed")
        self.end(id)

    def test_on_another_loop(self):
        self.server.open_loop("kitchen")
        id = self.server.submit(cat(), loop="kitchen")["id"]
        stream = self.follow(id)
        self.assertEqual(stream.message(), "ready")
        self.assert_fed(self.feed(id, b"hello\n", "?close=1"), 6, True)
        self.assertEqual(stream.rest(), ["hello"])

    # ---- bodies that go on ----

    def open_chunked(self, id, query=""):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.sendall((f"POST /v1/tasks/{id}/stdin{query} HTTP/1.1\r\nHost: localhost\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n").encode())
        return connection

    @staticmethod
    def chunk(data):
        return b"%x\r\n%s\r\n" % (len(data), data)

    def receive(self, connection, id):
        answer = awaitd.receive(connection, "POST")
        awaitd.contract().hold("POST", f"/v1/tasks/{id}/stdin", answer)
        return answer

    def test_each_chunk_as_it_comes(self):
        id, stream = self.start(cat())
        connection = self.open_chunked(id, "?close=1")
        for word in "one", "two", "three":
            connection.sendall(self.chunk(word.encode() + b"\n"))
            self.assertEqual(stream.message(), word)
        connection.sendall(self.chunk(b"four\n") + self.chunk(b"five\n") + b"0\r\n\r\n")
        self.assert_fed(self.receive(connection, id), 24, True)
        self.assertEqual(stream.rest(), ["four", "five"])

    def test_many_small_chunks_at_once(self):
        id, _ = self.start(shell("echo ready; wc -c", stdin_from="client"))
        connection = self.open_chunked(id, "?close=1")
        connection.sendall(b"".join(self.chunk(b"%d" % (i % 10)) for i in range(20000)) + b"0\r\n\r\n")
        self.assert_fed(self.receive(connection, id), 20000, True)
        self.assertEqual(self.server.wait(id)["result"][0]["stdout"].split(), ["ready", "20000"])

    def test_a_large_body(self):
        """More than --max-body, in chunks; and nothing of it is kept."""
        size = 100 << 20
        id, _ = self.start(shell("echo ready; wc -c", stdin_from="client"))
        connection = self.open_chunked(id, "?close=1")
        piece = self.chunk(b"x" * (1 << 20))
        for _ in range(100):
            connection.sendall(piece)
        connection.sendall(b"0\r\n\r\n")
        self.assert_fed(self.receive(connection, id), size, True)
        self.assertEqual(self.server.wait(id)["result"][0]["stdout"].split(), ["ready", str(size)])

    def test_who_is_not_read_has_to_wait(self):
        gate = Gate(self)
        id, _ = self.start(shell(f"echo ready; read x <'{gate.path}'; wc -c", stdin_from="client"))
        connection = self.open_chunked(id, "?close=1")
        connection.setblocking(False)
        sent, data = 0, self.chunk(b"x" * (1 << 20))
        stuck = 0
        while stuck < 20:  # a second in which nothing went
            try:
                sent += connection.send(data[sent % len(data):])
                stuck = 0
            except BlockingIOError:
                stuck += 1
                time.sleep(0.05)
        self.assertLess(sent, 32 << 20)
        self.assertEqual(self.server.get("/healthz").status, 200)
        gate.open()
        connection.setblocking(True)
        connection.settimeout(awaitd.PATIENCE)
        connection.sendall(data[sent % len(data):] + b"0\r\n\r\n")
        written = -(-sent // len(data)) << 20
        self.assert_fed(self.receive(connection, id), written, True)
        self.assertEqual(self.server.wait(id)["result"][0]["stdout"].split(), ["ready", str(written)])

    def test_a_process_that_ends_in_the_middle(self):
        id, _ = self.start(shell("echo ready; head -n 1; exec sleep 3600", stdin_from="client"))
        connection = self.open_chunked(id)
        connection.sendall(self.chunk(b"last\n"))
        awaitd.until(lambda: len(self.server.log(id)) == 2, "it was read")
        self.assertEqual(self.server.post(f"/v1/tasks/{id}/signal", {"signal": "SIGKILL"}).status, 200)
        self.server.wait(id)
        connection.sendall(self.chunk(b"too late\n"))
        answer = self.receive(connection, id)
        self.assertEqual(answer.status, 409, answer)
        self.assertTrue(answer.closes)

    def test_a_process_that_ends_while_the_client_waits(self):
        id, _ = self.start(shell("echo ready; sleep 3600", stdin_from="client"))
        connection = self.open_chunked(id)
        connection.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            connection.sendall(self.chunk(b"x" * (16 << 20)))
        self.end(id)
        connection.settimeout(awaitd.PATIENCE)
        self.assertEqual(self.receive(connection, id).status, 409)

    def count_sockets(self):
        n, folder = 0, f"/proc/{self.server.pid}/fd"
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                n += os.readlink(f"{folder}/{name}").startswith("socket:")
        return n

    def test_a_client_that_leaves_while_it_waits(self):
        """Nothing of it stays."""
        gate = Gate(self)
        before = self.count_sockets() + 1  # the one that asks for the state
        id, _ = self.start(shell(f"echo ready; read x <'{gate.path}'; wc -c", stdin_from="client"))
        for _ in range(5):
            connection = self.open_chunked(id)
            connection.settimeout(0.2)
            try:
                connection.sendall(self.chunk(b"x" * (8 << 20)))
            except TimeoutError:
                pass
            connection.close()
        gate.open()
        self.assert_fed(self.feed(id, b"", "?close=1"), 0, True)
        self.assertEqual(self.server.wait(id)["state"], "succeeded")
        awaitd.until(lambda: self.count_sockets() <= before, "their connections are closed")

    def test_a_client_that_leaves_in_the_middle(self):
        id, stream = self.start(cat())
        connection = self.open_chunked(id, "?close=1")
        connection.sendall(self.chunk(b"one\n"))
        self.assertEqual(stream.message(), "one")
        connection.close()
        self.assert_fed(self.feed(id, b"two\n", "?close=1"), 4, True)  # it was not closed
        self.assertEqual(stream.rest(), ["two"])

    def test_two_at_once(self):
        id, _ = self.start(shell("echo ready; wc -c", stdin_from="client"))
        one, other = self.open_chunked(id), self.open_chunked(id)
        for _ in range(50):
            for connection in one, other:
                connection.sendall(self.chunk(b"x" * 10000))
        for connection in one, other:
            connection.sendall(b"0\r\n\r\n")
            self.assert_fed(self.receive(connection, id), 500000)
        self.assert_fed(self.feed(id, query="?close=1"), 0, True)
        self.assertEqual(self.server.wait(id)["result"][0]["stdout"].split(), ["ready", "1000000"])

    def test_the_next_one_of_that_name_is_another(self):
        """A body is for the process that it began with."""
        id, stream = self.start(sequence(cat(name="it"), cat(name="it")))
        connection = self.open_chunked(id, "?name=it")
        connection.sendall(self.chunk(b"one\n"))
        self.assertEqual(stream.message(), "one")
        self.assert_fed(self.feed(id, query="?name=it&close=1"), 0, True)
        self.assertEqual(stream.message(), "ready")
        connection.sendall(self.chunk(b"two\n"))
        self.assertEqual(self.receive(connection, id).status, 409)
        self.end(id)

    def test_continue(self):
        id, stream = self.start(cat())
        with self.server.connect() as connection:
            connection.sendall((f"POST /v1/tasks/{id}/stdin?close=1 HTTP/1.1\r\nHost: localhost\r\n"
                                "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n").encode())
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 100 "))
            connection.sendall(b"one\n")
            self.assert_fed(self.receive(connection, id), 4, True)
        self.assertEqual(stream.rest(), ["one"])

    def test_the_connection_can_be_used_again(self):
        id, stream = self.start(cat())
        connection = self.server.open_http()
        self.addCleanup(connection.close)
        for word in "one", "two":
            answer = self.server.request("POST", f"/v1/tasks/{id}/stdin", word.encode() + b"\n", connection=connection)
            self.assert_fed(answer, 4)
            self.assertEqual(stream.message(), word)
        answer = self.server.request("POST", f"/v1/tasks/{id}/stdin?name=x", b"three", connection=connection)
        self.assertEqual(answer.status, 404)
        answer = self.server.request("POST", f"/v1/tasks/{id}/stdin?close=1", b"", connection=connection)
        self.assert_fed(answer, 0, True)


class Signals(WithStreams):
    def signal(self, id, body=None):
        return self.server.post(f"/v1/tasks/{id}/signal", body)

    def test_by_default_it_is_terminated(self):
        id, _ = self.start(shell("echo ready; exec sleep 3600", check=False))
        self.assertEqual(self.signal(id).json, {"signal": "SIGTERM", "number": signal.SIGTERM})
        self.assertEqual(self.server.wait(id)["result"][0]["returncode"], -signal.SIGTERM)

    def test_names_and_numbers(self):
        for given, name, number in ("SIGINT", "SIGINT", 2), (9, "SIGKILL", 9), ("SIGUSR1", "SIGUSR1", 10), \
                (34, "SIGRTMIN+0", 34), ("SIGRTMIN+3", "SIGRTMIN+3", 37):
            id, _ = self.start(argv("sh", "-c", "echo ready; exec sleep 3600", check=False))
            answer = self.signal(id, {"signal": given})
            self.assertEqual((answer.status, answer.json), (200, {"signal": name, "number": number}))
            self.assertEqual(self.server.wait(id)["result"][0]["returncode"], -number)

    def test_it_may_go_on(self):
        id, stream = self.start(python("""
            signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"caught\\n"))
            os.write(1, b"ready\\n")
            while True:
                signal.pause()"""))
        for _ in range(2):
            self.assertEqual(self.signal(id, {"signal": "SIGUSR1"}).status, 200)
            self.assertEqual(stream.message(), "caught")
        self.assertFalse(self.server.task(id)["done"])
        self.end(id)

    def test_the_whole_group(self):
        """Also a child of it."""
        id, stream = self.start(python("""
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            if os.fork() == 0:
                signal.signal(signal.SIGUSR1, lambda *_: os._exit(os.write(1, b"child\\n") and 0))
                print("ready", flush=True)
                while True:
                    signal.pause()
            os.wait()"""))
        self.signal(id, {"signal": "SIGUSR1"})
        self.assertEqual(stream.rest(), ["child"])

    def test_by_name(self):
        id, _ = self.start(shell("echo ready; exec sleep 3600", name="a", check=False),
                           shell("echo ready; exec sleep 3600", name="b", check=False))
        self.assert_refused(self.signal(id), 409, "several")
        self.assert_refused(self.signal(id, {"name": "c"}), 404, "c")
        self.assertEqual(self.signal(id, {"name": "b"}).status, 200)
        awaitd.until(lambda: self.signal(id, {"name": "b"}).status == 409, "b has ended")
        self.assertEqual(self.signal(id, {"signal": "SIGKILL"}).status, 200)  # a alone runs
        self.assertEqual([end["returncode"] for end in self.server.wait(id)["result"]], [-9, -15])

    def test_refusals(self):
        id = self.server.submit(FOREVER)["id"]
        self.assert_refused(self.signal(id), 409, "does not run")
        for body in {"signal": 0}, {"signal": 65}, {"signal": -9}, {"signal": "INT"}, {"signal": "sigint"}, \
                {"signal": None}, {"signal": 2.5}, {"signal": "SIGNOTHING"}, {"name": 1}, {"signals": "SIGINT"}:
            self.assertEqual(self.signal(id, body).status, 422, body)
        self.assertEqual(self.signal(id, []).status, 422)
        self.end(id)
        self.assert_refused(self.signal(id), 409, "ended")
        self.assertEqual(self.signal("01980e5a-6f2b-7c3d-9e4f-0123456789ab").status, 404)


class Drain(unittest.TestCase):
    def test_it_ends_with_clients_that_wait(self):
        with awaitd.Server() as server:
            id = server.submit(shell("echo ready; sleep 3600", stdin_from="client"))["id"]
            awaitd.until(lambda: server.log(id), "it runs")
            clients = []
            for _ in range(5):
                client = server.connect()
                self.addCleanup(client.close)
                client.sendall((f"POST /v1/tasks/{id}/stdin HTTP/1.1\r\nHost: localhost\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n").encode())
                client.settimeout(0.2)
                try:
                    client.sendall(b"800000\r\n" + b"x" * 0x800000)
                except TimeoutError:
                    pass
                clients.append(client)
            self.assertLess(server.stop(), 9)
            for client in clients:
                client.settimeout(awaitd.PATIENCE)
                self.assertIn(b" 503 ", client.recv(1000).partition(b"\r\n")[0])


if __name__ == "__main__":
    unittest.main()
