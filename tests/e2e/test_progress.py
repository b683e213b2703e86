"""How far a task is, while it runs."""

import unittest

from test_log_follow import Gate
from test_tasks import FOREVER, WithServer, gather, log, sequence, shell, value

import awaitd


def each(items, body, **fields):
    return {"op": "map", "items": items, "body": body, **fields}


class Progress(WithServer):
    def shown(self, id):
        task = self.server.task(id)
        return task["progress"], task["progress_message"]

    def expect(self, id, progress, message=None):
        awaitd.until(lambda: self.shown(id) == (progress, message), f"{progress} {message}, but {self.shown(id)}")

    def speak(self, *lines):
        """A process that prints them, one at each opening of the gate."""
        gate = Gate(self)
        words = "".join(f"read x; echo '{line}'; " for line in lines)
        return gate, shell(f"exec <'{gate.path}'; {words}read x")

    def assert_gone(self, id):
        task = self.server.wait(id)
        self.assertEqual((task["progress"], task["progress_message"]), (None, None))
        self.assertEqual(self.shown(id), (None, None))
        return task

    def test_nobody_says_anything(self):
        id = self.server.submit(FOREVER)["id"]
        self.assertEqual(self.shown(id), (None, None))
        self.server.cancel(id)
        self.assert_gone(id)

    def test_lines_of_a_process(self):
        gate, process = self.speak("::progress 0.25 a quarter", "between", "::progress 0.5", "::progress 1 all of it: ñ")
        id = self.server.submit(process)["id"]
        self.assertEqual(self.shown(id), (None, None))
        gate.open()
        self.expect(id, 0.25, "a quarter")
        gate.open()
        gate.open()
        self.expect(id, 0.5, "")
        gate.open()
        self.expect(id, 1.0, "all of it: ñ")
        gate.open()
        task = self.assert_gone(id)
        self.assertEqual([line["message"] for line in self.server.log(id)], ["between"])
        self.assertEqual(task["result"]["stdout"],
                         "::progress 0.25 a quarter\nbetween\n::progress 0.5\n::progress 1 all of it: ñ\n")

    def test_lines_that_look_like_it(self):
        lines = ["::progress", "::progress x", "::progress 2 x", "::progress 50% x", " ::progress 0.5 x"]
        task = self.run_job(shell("".join(f"echo '{line}'; " for line in lines)))
        self.assertEqual([line["message"] for line in self.server.log(task["id"])], lines)

    def test_lines_in_a_flood(self):
        """Also when the log takes no more of what it prints."""
        gate = Gate(self)
        fill = "".join(f"seq {i}00000 {i}25000; echo ::progress 0.{i} {i}; " for i in range(1, 5))
        id = self.server.submit(shell(f"exec 9<'{gate.path}'; {fill} read x <&9; seq 10; echo ::progress 0.5 end; read x <&9",
                                      check=False))["id"]
        self.expect(id, 0.4, "4")
        gate.open()
        self.expect(id, 0.5, "end")
        gate.open()
        self.assert_gone(id)
        self.assertEqual(len(list(self.follow(id))), 10001)

    def follow(self, id):
        return self.server.get(f"/v1/tasks/{id}/log?follow=1").body.splitlines()

    def test_a_map_counts(self):
        gate = Gate(self)
        id = self.server.submit(each([1, 2, 3, 4], gate.step, concurrency=2))["id"]
        for done in range(4):
            self.expect(id, done / 4)
            gate.open()
        self.assert_gone(id)

    def test_one_map_after_the_other(self):
        gate = Gate(self)
        id = self.server.submit(sequence(each([1, 2], gate.step, concurrency=1), each([1, 2, 3], gate.step, concurrency=1)))["id"]
        for progress in 0, 1 / 2, 0, 1 / 3, 2 / 3:
            self.expect(id, progress)
            gate.open()
        self.assert_gone(id)

    def test_the_outermost_map_counts(self):
        gate = Gate(self)
        id = self.server.submit(each([1, 2], each([1, 2, 3], gate.step), concurrency=1))["id"]
        for _ in range(3):
            self.expect(id, 0.0)
            gate.open()
        self.expect(id, 0.5)
        self.server.cancel(id)
        self.assert_gone(id)

    def test_what_an_item_says_is_a_message_only(self):
        gate, process = self.speak("::progress 0.9 nearly")
        id = self.server.submit(each([1, 2], process, concurrency=1))["id"]
        self.expect(id, 0.0)
        gate.open()
        self.expect(id, 0.0, "nearly")
        self.server.cancel(id)
        self.assert_gone(id)

    def test_after_a_map_that_failed(self):
        """It counts no more."""
        gate, process = self.speak("::progress 0.75 after")
        id = self.server.submit({"op": "try", "body": each([1, 2], {"op": "raise", "type": "ValueError"}),
                                 "except": [{"body": process}]})["id"]
        gate.open()
        self.expect(id, 0.75, "after")
        gate.open()
        self.assert_gone(id)

    def test_a_large_map(self):
        task = self.run_job(each(list(range(20000)), value(1)))
        self.assertEqual((task["state"], task["progress"]), ("succeeded", None))
        self.assertEqual(self.run_job(each([], value(1)))["state"], "succeeded")

    def test_the_tag_changes_with_it(self):
        gate, process = self.speak("::progress 0.5 one", "::progress 0.5 two", "::progress 0.6 two")
        id = self.server.submit(process)["id"]
        tags = []
        for progress, message in (None, None), (0.5, "one"), (0.5, "two"), (0.6, "two"):
            self.expect(id, progress, message)
            answer = self.server.get(f"/v1/tasks/{id}")
            self.assertNotIn(answer.headers["ETag"], tags)
            tags.append(answer.headers["ETag"])
            self.assertEqual(self.server.get(f"/v1/tasks/{id}", If_None_Match=tags[-1]).status, 304)
            gate.open()
        self.assert_gone(id)
        self.assertEqual(self.server.get(f"/v1/tasks/{id}", If_None_Match=tags[-1]).status, 200)

    def test_of_a_function(self):
        id = self.server.submit({"op": "thread", "function": "primes", "args": {"n": 10 ** 12}})["id"]
        first = awaitd.until(lambda: self.shown(id)[0], "it says how far it is")
        awaitd.until(lambda: self.shown(id)[0] > first, "it goes on")
        self.server.cancel(id)
        self.assert_gone(id)

    def test_in_lists_and_waits(self):
        gate, process = self.speak("::progress 0.125 a little")
        id = self.server.submit(process, name="shown in a list")["id"]
        gate.open()
        self.expect(id, 0.125, "a little")
        task, = self.server.list("name=shown%20in%20a%20list")
        self.assertEqual((task["progress"], task["progress_message"]), (0.125, "a little"))
        task = self.server.get(f"/v1/tasks/{id}?wait=0.01").json
        self.assertEqual((task["done"], task["progress"]), (False, 0.125))
        gate.open()
        self.assert_gone(id)
        task, = self.server.list("name=shown%20in%20a%20list")
        self.assertEqual((task["progress"], task["progress_message"]), (None, None))

    def test_on_several_loops(self):
        self.server.open_loop("progress")
        gate, process = self.speak("::progress 0.5 here")
        other_gate, other = self.speak("::progress 0.25 there")
        id = self.server.submit(process)["id"]
        other_id = self.server.submit(other, loop="progress")["id"]
        gate.open()
        other_gate.open()
        self.expect(id, 0.5, "here")
        self.expect(other_id, 0.25, "there")
        for id in id, other_id:
            self.server.cancel(id)
            self.assert_gone(id)

    def test_a_long_message_is_cut(self):
        gate, process = self.speak("::progress 0.5 " + "ñ" * 1000)
        id = self.server.submit(process)["id"]
        gate.open()
        self.expect(id, 0.5, "ñ" * 500)
        self.server.cancel(id)
        self.assert_gone(id)

    def test_of_two_the_last_one_speaks(self):
        gate, process = self.speak("::progress 0.5 one")
        other_gate, other = self.speak("::progress 0.25 other")
        id = self.server.submit(gather(process, other, sequence(log("x"), FOREVER)))["id"]
        gate.open()
        self.expect(id, 0.5, "one")
        other_gate.open()
        self.expect(id, 0.25, "other")
        self.server.cancel(id)
        self.assert_gone(id)


class Restart(unittest.TestCase):
    def test_it_is_forgotten(self):
        with awaitd.Server() as server:
            id = server.submit(each([1, 2], FOREVER))["id"]
            awaitd.until(lambda: server.task(id)["progress"] == 0, "it counts")
            tag = server.get(f"/v1/tasks/{id}").headers["ETag"]
            server.restart()
            awaitd.until(lambda: server.task(id)["progress"] == 0, "it counts again")
            self.assertNotEqual(server.get(f"/v1/tasks/{id}").headers["ETag"], tag)


if __name__ == "__main__":
    unittest.main()
