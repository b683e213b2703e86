"""GET /v1/tasks/{id}/log?follow=1: a log while it is written."""

import http.client
import itertools
import json
import os
import socket
import unittest

from test_tasks import FOREVER, WithServer, log, sequence, shell, value

import awaitd


class Gate:
    """Holds a job up until it is opened, once for each step that it stands in."""

    numbers = itertools.count()

    def __init__(self, test):
        self.path = os.path.join(test.server.folder, f"gate-{next(self.numbers)}")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR)
        test.addCleanup(os.close, self.fd)

    @property
    def step(self):
        return shell(f"read x < '{self.path}'")

    def open(self):
        os.write(self.fd, b"\n")


class Stream:
    """The lines of an answer that has not ended, each held against the contract."""

    def __init__(self, server, id, query="", connection=None):
        self.target = f"/v1/tasks/{id}/log?follow=1{query}"
        self.connection = connection or server.open_http()
        self.connection.request("GET", self.target)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        assert self.response.headers["Content-Type"] == "application/x-ndjson"

    def next(self):
        """The next line; None at the end."""
        line = self.response.readline()
        if not line:
            return None
        assert line.endswith(b"\n"), line
        faults = awaitd.contract().faults("LogLine", awaitd.strict_json(line), awaitd.Contract.Response)
        assert not faults, faults
        return json.loads(line)

    def message(self):
        line = self.next()
        return line and line["message"]

    def rest(self):
        return [line["message"] for line in iter(self.next, None)]

    def close(self):
        self.response.close()
        self.connection.close()


class Follow(WithServer):
    def follow(self, id, query="", **options):
        stream = Stream(self.server, id, query, **options)
        self.addCleanup(stream.close)
        return stream

    def test_lines_come_as_they_are_written(self):
        gate = Gate(self)
        id = self.server.submit(sequence(log("a"), log("b", level="warning"), gate.step, log("c"), gate.step, log("d")))["id"]
        stream = self.follow(id)
        first, second = stream.next(), stream.next()
        self.assertEqual((first["message"], first["stream"], first["level"], first["path"]), ("a", "log", "info", "/steps/0"))
        self.assertEqual((second["message"], second["level"]), ("b", "warning"))
        self.assertLess(first["number"], second["number"])
        gate.open()
        self.assertEqual(stream.message(), "c")
        gate.open()
        self.assertEqual(stream.message(), "d")
        self.assertIsNone(stream.next())
        self.assertTrue(self.server.task(id)["done"], "it ended before the task did")

    def test_each_line_is_on_disk_when_it_comes(self):
        gate = Gate(self)
        id = self.server.submit(sequence(*[step for i in range(5) for step in (gate.step, log(str(i)))]))["id"]
        stream = self.follow(id)
        for i in range(5):
            gate.open()
            line = stream.next()
            self.assertEqual(line, self.server.log(id)[-1])
            self.assertEqual(line["message"], str(i))
        self.assertIsNone(stream.next())

    def test_it_goes_on_where_it_was_cut_off(self):
        gate = Gate(self)
        id = self.server.submit(sequence(log("a"), log("b"), gate.step, log("c")))["id"]
        stream = self.follow(id)
        number = stream.next()["number"]
        stream.close()
        stream = self.follow(id, f"&after={number}")
        self.assertEqual(stream.message(), "b")
        number = self.server.log(id)[-1]["number"]
        later = self.follow(id, f"&after={number}")
        gate.open()
        self.assertEqual(later.rest(), ["c"])
        self.assertEqual(stream.rest(), ["c"])

    def test_a_number_that_no_line_has_yet(self):
        gate = Gate(self)
        id = self.server.submit(sequence(gate.step, log("a"), log("b")))["id"]
        stream = self.follow(id, "&after=1")
        far = self.follow(id, f"&after={10 ** 15}")
        gate.open()
        self.assertEqual(stream.rest(), ["b"])
        self.assertEqual(far.rest(), [])

    def test_finished(self):
        id = self.run_job(sequence(log("a"), log("b")))["id"]
        answer = self.server.get(f"/v1/tasks/{id}/log?follow=1")
        self.assertEqual([json.loads(line) for line in answer.body.splitlines()], self.server.log(id))
        id = self.run_job(value(1))["id"]
        self.assertEqual(self.server.get(f"/v1/tasks/{id}/log?follow=1").body, b"")

    def test_cancelled(self):
        id = self.server.submit(sequence(log("a"), FOREVER))["id"]
        stream = self.follow(id)
        self.assertEqual(stream.message(), "a")
        self.server.cancel(id)
        self.assertIsNone(stream.next())

    def test_failed(self):
        gate = Gate(self)
        id = self.server.submit({"op": "try", "body": sequence(gate.step, {"op": "raise", "type": "ValueError"}),
                                 "finally": log("bye")})["id"]
        stream = self.follow(id)
        gate.open()
        self.assertEqual(stream.rest(), ["bye"])

    def test_refusals(self):
        id = self.run_job(value(1))["id"]
        self.assertEqual(self.server.get("/v1/tasks/01980e5a-6f2b-7c3d-9e4f-0123456789ab/log?follow=1").status, 404)
        for query in "follow=2", "follow=", "follow=true", "follow=1&limit=5", "follow=1&after=x":
            self.assertEqual(self.server.get(f"/v1/tasks/{id}/log?{query}").status, 422, query)
        self.assertEqual(self.server.get(f"/v1/tasks/{id}/log?follow=0").json["lines"], [])

    def test_head(self):
        id = self.server.submit(FOREVER)["id"]
        answer = self.server.request("HEAD", f"/v1/tasks/{id}/log?follow=1")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/x-ndjson"))
        self.server.cancel(id)

    def test_http_1_0(self):
        id = self.run_job(sequence(log("a"), log("b")))["id"]
        data = self.server.raw(f"GET /v1/tasks/{id}/log?follow=1 HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertEqual([json.loads(line)["message"] for line in body.splitlines()], ["a", "b"])

    def test_the_connection_can_be_used_again(self):
        gate = Gate(self)
        id = self.server.submit(sequence(gate.step, log("a")))["id"]
        connection = self.server.open_http()
        self.addCleanup(connection.close)
        stream = self.follow(id, connection=connection)
        gate.open()
        self.assertEqual(stream.rest(), ["a"])
        self.assertEqual(self.server.request("GET", f"/v1/tasks/{id}", connection=connection).status, 200)
        self.assertEqual(self.follow(id, connection=connection).rest(), ["a"])

    def test_on_another_loop(self):
        self.server.open_loop("elsewhere")
        gate = Gate(self)
        id = self.server.submit(sequence(log("a"), gate.step, log("b")), loop="elsewhere")["id"]
        stream = self.follow(id)
        self.assertEqual(stream.message(), "a")
        gate.open()
        self.assertEqual(stream.rest(), ["b"])

    def test_many_followers(self):
        gate = Gate(self)
        lines = [str(i) for i in range(50)]
        id = self.server.submit(sequence(log("first"), gate.step, *map(log, lines)))["id"]
        streams = [self.follow(id) for _ in range(200)]
        for stream in streams:
            self.assertEqual(stream.message(), "first")
        gate.open()
        for stream in streams:
            self.assertEqual(stream.rest(), lines)

    def test_followers_of_many_tasks(self):
        gate = Gate(self)
        ids = [self.server.submit(sequence(gate.step, log(str(i)), log("end")))["id"] for i in range(30)]
        streams = [self.follow(id) for id in ids]
        for _ in ids:
            gate.open()
        for i, stream in enumerate(streams):
            self.assertEqual(stream.rest(), [str(i), "end"])

    def large_log(self, gate):
        """30 MiB."""
        return self.server.submit(sequence(
            {"op": "value", "name": "text", "value": "x" * (1 << 20)},
            gate.step, *[log("${text}" + str(i)) for i in range(30)]))["id"]

    def memory(self):
        with open(f"/proc/{self.server.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_one_who_does_not_read_costs_nothing(self):
        """What is not read yet stays on disk, for twenty of them as for one."""
        gate = Gate(self)
        id = self.large_log(gate)
        streams = [self.follow(id) for _ in range(20)]
        gate.open()
        self.server.wait(id)
        self.assertLess(self.memory(), 1 << 30)  # 20 times 30 MiB would be twice that under AddressSanitizer
        for stream in streams[:2]:
            self.assertEqual([message[1 << 20:] for message in stream.rest()], [str(i) for i in range(30)])

    def sockets(self):
        folder = f"/proc/{self.server.pid}/fd"
        names = []
        for fd in os.listdir(folder):
            try:
                names.append(os.readlink(f"{folder}/{fd}"))
            except FileNotFoundError:
                pass
        return sum(name.startswith("socket:") for name in names)

    def test_those_who_leave_are_forgotten(self):
        id = self.server.submit(sequence(log("a"), FOREVER))["id"]
        streams = [self.follow(id) for _ in range(20)]
        for stream in streams:
            self.assertEqual(stream.message(), "a")
        self.assertGreater(self.sockets(), 20)
        for stream in streams:
            stream.close()
        awaitd.until(lambda: self.sockets() < 10, "their connections are closed")
        self.assertFalse(self.server.task(id)["done"])
        self.server.cancel(id)

    def test_one_who_leaves_in_the_middle_of_a_line(self):
        gate = Gate(self)
        id = self.large_log(gate)
        connection = self.server.connect()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET /v1/tasks/{id}/log?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        gate.open()
        connection.recv(1000)
        connection.close()
        self.assertTrue(self.server.wait(id)["done"])
        self.assertEqual(len(self.follow(id).rest()), 30)


class Ends(unittest.TestCase):
    def test_with_the_server(self):
        """The stream ends as it should, and the task goes on at the next start: so does its log."""
        with awaitd.Server() as server:
            id = server.submit({"op": "try", "body": sequence(log("a"), FOREVER), "finally": log("b")})["id"]
            streams = [Stream(server, id) for _ in range(10)]
            last = 0
            for stream in streams:
                self.addCleanup(stream.close)
                last = stream.next()["number"]
            server.stop()
            for stream in streams:
                self.assertEqual(stream.rest(), [])  # http.client complains where the last chunk is missing
            server.start()
            stream = Stream(server, id, f"&after={last}")
            self.addCleanup(stream.close)
            server.cancel(id)
            self.assertEqual(stream.rest(), ["b"])

    def test_not_when_the_server_is_killed(self):
        server = awaitd.Server()
        self.addCleanup(server.close)
        id = server.submit(sequence(log("a"), FOREVER))["id"]
        stream = Stream(server, id)
        self.addCleanup(stream.close)
        self.assertEqual(stream.message(), "a")
        server.kill()
        with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
            stream.response.read()


if __name__ == "__main__":
    unittest.main()
