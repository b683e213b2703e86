"""Deadlines that are moved while they run."""

import unittest

from test_tasks import FOREVER, WithServer, at, create, gather, log, sequence

import awaitd


def timeout(seconds, body, **fields):
    return {"op": "timeout", "seconds": seconds, "body": body, **fields}


class Reschedule(WithServer):
    def move(self, id, **body):
        return self.server.post(f"/v1/tasks/{id}/reschedule", body)

    def assert_moved(self, id, **body):
        answer = self.move(id, **body)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["id"], id)
        return answer.json

    def assert_refused(self, id, status, text, **body):
        answer = self.move(id, **body)
        self.assertEqual(answer.status, status, answer)
        self.assertIn(text, answer.json["detail"])

    def assert_times_out(self, id, path):
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["error"]["type"], task["error"]["path"]), ("failed", "TimeoutError", path))
        return task

    def started(self, spec, **fields):
        """Submits, and returns once its timeout has begun: reschedule is a callback behind the first turn's."""
        return self.server.submit(spec, **fields)["id"]

    def test_own_to_now(self):
        id = self.started(FOREVER, timeout=3600)
        self.assert_moved(id, seconds=0)
        self.assert_times_out(id, "")

    def test_own_to_a_time(self):
        id = self.started(FOREVER, timeout=3600)
        task = self.assert_moved(id, at="2100-01-02T03:04:05.5+01:00")
        self.assertEqual(task["deadline"], "2100-01-02T02:04:05.500000Z")
        self.assert_moved(id, at="2020-01-01T00:00:00Z")
        self.assert_times_out(id, "")

    def test_own_later(self):
        id = self.started({"op": "sleep", "seconds": 0.3, "result": "in time"}, timeout=0.2)
        before = self.server.task(id)["deadline"]
        after = self.assert_moved(id, seconds=60)["deadline"]
        self.assertGreater((at(after) - at(before)).total_seconds(), 50)
        self.assertEqual(self.server.wait(id)["result"], "in time")

    def test_own_to_none_and_back(self):
        id = self.started(FOREVER, timeout=3600)
        self.assertIsNone(self.assert_moved(id, seconds=None)["deadline"])
        self.assertIsNone(self.server.task(id)["deadline"])
        self.assertIsNotNone(self.assert_moved(id, seconds=3600)["deadline"])
        self.assert_moved(id, seconds=0, timeout=None)
        self.assert_times_out(id, "")

    def test_without_an_own_timeout(self):
        id = self.started(FOREVER)
        self.assert_refused(id, 409, "no timeout of its own", seconds=1)
        self.server.cancel(id)

    def test_of_a_node(self):
        id = self.started(timeout(3600, FOREVER, name="inner"), timeout=3600)
        deadline = self.server.task(id)["deadline"]
        self.assertEqual(self.assert_moved(id, timeout="inner", seconds=None)["deadline"], deadline)
        self.assert_moved(id, timeout="inner", seconds=0)
        self.assert_times_out(id, "")  # the spec's root is that node

    def test_of_several_the_one_that_began_last(self):
        id = self.started(gather(timeout(3600, FOREVER, name="t"), timeout(3600, FOREVER, name="t"),
                                 timeout(3600, FOREVER, name="other"), return_exceptions=True))
        self.assert_moved(id, timeout="t", seconds=0)
        states = awaitd.until(lambda: [n["state"] for n in self.server.tree(id)["children"]][1] == "failed"
                              and [n["state"] for n in self.server.tree(id)["children"]], "it expires")
        self.assertEqual(states, ["running", "failed", "running"])
        self.server.cancel(id)

    def test_a_node_of_a_task_in_the_background(self):
        id = self.started(sequence(create("bg", timeout(3600, FOREVER, name="t")), {"op": "await", "task": "bg"}))
        self.assert_moved(id, timeout="t", seconds=0)
        self.assert_times_out(id, "/steps/0/body")

    def test_unknown_name(self):
        id = self.started(timeout(3600, FOREVER, name="t"))
        self.assert_refused(id, 404, "no 'timeout' node", timeout="nobody", seconds=1)
        self.server.cancel(id)

    def test_not_begun_and_left(self):
        id = self.started(sequence(timeout(1, log("x"), name="done"), FOREVER, timeout(1, log("x"), name="later")))
        awaitd.until(lambda: self.server.messages(id), "the first timeout's body ends")
        self.assert_refused(id, 409, "not active", timeout="done", seconds=1)
        self.assert_refused(id, 409, "not active", timeout="later", seconds=1)
        self.server.cancel(id)

    def test_expired(self):
        """While what it cancelled still cleans up."""
        id = self.started(timeout(0, {"op": "try", "body": FOREVER, "finally": FOREVER}, name="t"))
        awaitd.until(lambda: self.server.tree(id)["children"][0]["children"][1]["state"] == "running", "it cleans up")
        self.assert_refused(id, 409, "not active", timeout="t", seconds=60)
        self.server.cancel(id)

    def test_ended(self):
        id = self.server.run({"op": "value", "value": 1}, timeout=60)["id"]
        self.assert_refused(id, 409, "has ended", seconds=60)

    def test_from_within(self):
        spec = timeout(0.05, sequence({"op": "reschedule", "timeout": "t", "seconds": None},
                                      {"op": "sleep", "seconds": 0.1, "result": "in time"}), name="t")
        self.assert_result(spec, "in time")


class Restart(unittest.TestCase):
    def test_the_own_deadline_is_durable(self):
        with awaitd.Server() as server:
            ids = [server.submit(FOREVER, timeout=seconds)["id"] for seconds in (3600, 3600, 3600)]
            for id, seconds in zip(ids, (7200, None, 0.001)):
                answer = server.post(f"/v1/tasks/{id}/reschedule", {"seconds": seconds})
                self.assertEqual(answer.status, 200, answer)
            deadlines = [server.task(id)["deadline"] for id in ids]
            server.kill()
            server.start()
            self.assertEqual([server.task(id)["deadline"] for id in ids], deadlines)
            self.assertEqual(server.wait(ids[2])["error"]["type"], "TimeoutError")
            for id in ids[:2]:  # still theirs, and still to be moved
                self.assertEqual(server.post(f"/v1/tasks/{id}/reschedule", {"seconds": 0}).status, 200)
                self.assertEqual(server.wait(id)["error"]["type"], "TimeoutError")


if __name__ == "__main__":
    unittest.main()
